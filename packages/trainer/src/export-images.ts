import type { Graph, MaskSplit, Preprocessing, Split } from '@graftjs/core';
import { evaluationBatches } from './batches.js';
import { imageSize } from './check-inputs.js';
import type { ImageWorkers } from './image-workers.js';
import { stepsPerEpoch } from './plan-batches.js';
import { prefetched } from './prefetched.js';
import { resizeBilinear } from './preprocessing/resize-bilinear.js';

/** Images of a split, as a network takes them. */
export interface ExportImages {
  readonly count: number;
  /** What people find image `index` by. */
  id(index: number): string;
  /** All of them in their order: NHWC bytes. */
  batches(batchSize: number): AsyncIterable<{ readonly inputs: Uint8Array; readonly count: number }>;
}

/** Those of a split with a class each, prepared for evaluation. */
export function classifiedImages(
  graph: Graph,
  split: Split,
  reading: { readonly preprocessing: Preprocessing; readonly workers?: number | ImageWorkers },
): ExportImages {
  const size = imageSize(graph);
  return {
    count: split.labels.length,
    id: (index) => split.id(index),
    async *batches(batchSize) {
      for await (const { inputs, labels } of evaluationBatches(split, { ...reading, size, batchSize })) {
        yield { inputs: inputs as Uint8Array, count: labels.length };
      }
    },
  };
}

/** Those of a split with masks, made as large as the network takes them, whatever the ratio of their sides. */
export function maskedImages({ input }: Graph, split: MaskSplit): ExportImages {
  const [height, width] = input.shape as [number, number, number];
  const length = height * width * 3;
  return {
    count: split.count,
    id: (index) => split.id(index),
    batches: (batchSize) =>
      prefetched(0, stepsPerEpoch(split.count, batchSize), 1, async (place) => {
        const start = place * batchSize;
        const count = Math.min(batchSize, split.count - start);
        const inputs = new Uint8ClampedArray(count * length);
        for (let i = 0; i < count; i++) {
          inputs.set(resizeBilinear(await split.read(start + i), height, width), i * length);
        }
        return { inputs: new Uint8Array(inputs.buffer), count };
      }),
  };
}
