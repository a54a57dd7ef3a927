import { type Container, ENGINE, type Graph, resolve, voidLabel } from '@graftjs/core';
import { type MaskTrainingBatch, maskTrainingBatches } from '../batches.js';
import { imageSize } from '../check-inputs.js';
import { resolveClassWeights } from '../class-weights.js';
import { crossEntropy, type ModeComparer } from '../compare-modes.js';
import type { ImageWorkers } from '../image-workers.js';
import { mostLikelyClasses } from '../most-likely-classes.js';
import { createMaskPreprocessing } from '../preprocessing/create-mask-preprocessing.js';
import { readMaskedImages } from '../read-images.js';
import type { RunRecord } from '../run-config.js';
import type { MaskedData } from '../run-data.js';
import { buildGraph } from '../run-model.js';
import type { RunTask } from '../run-task.js';
import { collapsedClass } from './collapsed-class.js';
import { evaluateMasks } from './evaluate-masks.js';
import { countPixels, resolvePixelWeights } from './pixel-weights.js';
import type { PlaneSize } from './resize-channels.js';
import { largestOf, segmentingBytes } from './segment-image.js';
import { SizedNetwork } from './sized-network.js';
import { trainedSize } from './trained-size.js';

/** The mean losses over the labelled pixels of each image; of one without any, nothing. */
function addImages(
  comparer: ModeComparer,
  { masks, indices }: MaskTrainingBatch,
  training: Float32Array,
  inference: Float32Array,
  classes: number,
): void {
  const pixels = masks.length / indices.length;
  for (let start = 0; start < masks.length; start += pixels) {
    let [labelled, trainingLoss, inferenceLoss] = [0, 0, 0];
    for (let i = start; i < start + pixels; i++) {
      const label = masks[i]!;
      if (label === voidLabel) continue;
      labelled++;
      trainingLoss += crossEntropy(training.subarray(i * classes, (i + 1) * classes), label);
      inferenceLoss += crossEntropy(inference.subarray(i * classes, (i + 1) * classes), label);
    }
    if (labelled > 0) comparer.addLosses(trainingLoss / labelled, inferenceLoss / labelled);
  }
}

/** To tell the class of each pixel. Evaluations are of whole images in their own size. */
export function createSegmentationTask(
  record: RunRecord,
  graph: Graph,
  data: MaskedData,
  workers: number | ImageWorkers | undefined,
  container: Container,
): RunTask<MaskTrainingBatch> {
  const { train, test } = data.splits;
  const { classes } = data;
  const { augment } = record;
  const size = imageSize(graph);
  const preprocessing = createMaskPreprocessing(augment);
  const reading = { size, preprocessing, ...(workers !== undefined && { workers }) };
  if (typeof record.classWeights === 'object') resolveClassWeights(record.classWeights, classes, new Int32Array());
  let classWeights: Float32Array | undefined;
  const { name, device } = record.engine;
  const engine = resolve(container, ENGINE, name);
  const where = device === undefined ? {} : { device };
  const build = ({ height, width }: PlaneSize): Graph => buildGraph(record, container, [height, width]);
  const sizeOf = trainedSize(augment, size);
  return {
    counts: { train: train.count, test: test.count },
    async prepare({ signal, onProgress }) {
      const watching = { onProgress: (done: number) => onProgress?.(done, train.count), ...(signal && { signal }) };
      const count = () => countPixels(train, classes.length, watching);
      classWeights = await resolvePixelWeights(record.classWeights, classes, count);
    },
    prepared: {
      train: {
        count: train.count,
        read: async (indices) => (await readMaskedImages(train, indices, reading)).inputs,
      },
    },
    batches: (plan) =>
      maskTrainingBatches(train, {
        ...reading,
        ...plan,
        classes: classes.length,
        ...(classWeights && { classWeights }),
      }),
    compareModes: (comparer, batch, training, inference) =>
      addImages(comparer, batch, training, inference, classes.length),
    collapsedTo: ({ masks }, logits) => collapsedClass(masks, mostLikelyClasses(logits, classes.length)),
    async evaluationMemory() {
      const images = Array.from({ length: test.count }, (_, index) => test.size(index));
      const view = largestOf(images.map(sizeOf));
      const use = await engine.predictionMemory?.(build(view), where);
      const bytes = segmentingBytes(largestOf(images), view, classes.length);
      return use && { bytes: use(1) + bytes, height: view.height, width: view.width };
    },
    async evaluate(_, weights, watching) {
      const network = new SizedNetwork({
        build,
        open: (sized) => engine.open(sized, where),
        async restore(session) {
          for (const { name } of session.graph.variables) session.write(name, weights.read(name));
        },
      });
      try {
        return await evaluateMasks(test, classes, { network, classes: classes.length, sizeOf, ...watching });
      } finally {
        await network.close();
      }
    },
  };
}
