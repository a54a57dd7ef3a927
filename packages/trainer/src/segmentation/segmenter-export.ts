import type { ExportedNetwork, MaskSplit } from '@graftjs/core';
import { limitSplit } from '../batches.js';
import { maskedImages } from '../export-images.js';
import { type ExportTask, joined } from '../export-task.js';
import { mostLikelyClasses } from '../most-likely-classes.js';
import { resizeNearest } from '../preprocessing/resize-nearest.js';
import type { MaskedData } from '../run-data.js';
import type { Watching } from '../run-task.js';
import { SegmentationMetrics, type SegmentationScores } from '../segmentation-metrics.js';
import { compareMasks } from './compare-masks.js';
import type { OpenMaskRun } from './open-mask-run.js';
import type { PlaneSize } from './resize-channels.js';

/** Fewer than of a classifier, since each has a logit for each class and pixel. */
const comparedImages = 8;
const calibrationImages = 32;

/** Measures what gives masks of one size, in the images' own sizes. */
async function evaluateAt(
  size: PlaneSize,
  split: MaskSplit,
  classes: readonly string[],
  masksOf: (inputs: Uint8Array) => Promise<Uint8Array>,
  images: ReturnType<typeof maskedImages>,
  { signal, onProgress }: Watching,
): Promise<SegmentationScores> {
  const metrics = new SegmentationMetrics(classes);
  let index = 0;
  for await (const { inputs } of images.batches(1)) {
    signal?.throwIfAborted();
    const { mask: truth, height, width } = await split.read(index);
    const found = { data: inputs, mask: await masksOf(inputs), ...size };
    metrics.add(truth, resizeNearest(found, height, width, { top: 0, left: 0, height, width }));
    index++;
    onProgress?.(index, split.count);
  }
  return metrics.result();
}

/** Of a network that tells the class of each pixel: the file gives masks of images of one size. */
export async function segmenterExport(
  run: OpenMaskRun,
  { splits: { train, test } }: MaskedData,
  size: PlaneSize,
): Promise<ExportTask> {
  const { classes, config } = run;
  const session = await run.network.sessionFor(size);
  const { graph } = session;
  const { height, width } = size;
  const all = maskedImages(graph, test);
  const maskOf = async (inputs: Uint8Array) =>
    mostLikelyClasses((await session.predict(inputs, 1)).get(graph.output)!, classes.length);
  return {
    run,
    graph,
    session,
    preprocessing: { name: 'resize', steps: [{ step: 'resize', height, width }] },
    compared: maskedImages(graph, limitSplit(test, comparedImages, config.seed)),
    calibration: maskedImages(graph, limitSplit(train, calibrationImages, config.seed)),
    compare(logits, values) {
      const masks = Uint8Array.from(values.flatMap((part) => [...part]));
      const found = compareMasks(joined(logits), masks, height * width, classes.length);
      const { share, image, pixel, expected, received } = found;
      const what =
        `pixel ${pixel} is ${classes[received] ?? `label ${received}`} instead of ${classes[expected]}, whose logit is larger by ` +
        `${share.toPrecision(2)} of the largest one's size`;
      return { share, image, what };
    },
    evaluateNetwork: (watching) => evaluateAt(size, test, classes, maskOf, all, watching),
    evaluateFile: (file: ExportedNetwork, watching) =>
      evaluateAt(size, test, classes, async (inputs) => (await file.predict(inputs, 1)) as Uint8Array, all, watching),
  };
}
