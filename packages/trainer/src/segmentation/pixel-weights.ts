import { type MaskSplit, voidLabel } from '@graftjs/core';
import pMap from 'p-map';
import { type ClassWeights, resolveClassWeights } from '../class-weights.js';

/** How often classes occur in masks, by label. */
export interface PixelCounts {
  /** Pixels of each class. */
  readonly own: Float64Array;
  /** Labelled pixels of the images in which the class occurs. */
  readonly present: Float64Array;
}

/** Masks that are read at the same time. */
const readsAtOnce = 8;

/**
 * Counts the pixels of all masks of a split, each read once.
 * @param options.onProgress called with the number of images done
 */
export async function countPixels(
  split: MaskSplit,
  classes: number,
  options: { readonly signal?: AbortSignal; readonly onProgress?: (done: number) => void } = {},
): Promise<PixelCounts> {
  const [own, present] = [new Float64Array(classes), new Float64Array(classes)];
  let done = 0;
  await pMap(
    Array(split.count).keys(),
    async (index) => {
      options.signal?.throwIfAborted();
      const histogram = new Float64Array(voidLabel + 1);
      for (const label of (await split.read(index)).mask) histogram[label]! += 1;
      const counts = histogram.subarray(0, classes);
      const labelled = counts.reduce((sum, count) => sum + count, 0);
      for (const [label, count] of counts.entries()) {
        own[label]! += count;
        if (count > 0) present[label]! += labelled;
      }
      options.onProgress?.(++done);
    },
    { concurrency: readsAtOnce },
  );
  return { own, present };
}

/** The median of the frequencies of classes that occur, over each class's own; 1 for one that does not. */
function byMedianFrequency({ own, present }: PixelCounts): Float32Array {
  const frequencies = own.map((pixels, label) => (pixels > 0 ? pixels / present[label]! : 0));
  const known = frequencies.filter((frequency) => frequency > 0).sort();
  const middle = (known.length - 1) / 2;
  const median = (known[Math.floor(middle)]! + known[Math.ceil(middle)]!) / 2;
  return Float32Array.from(frequencies, (frequency) => (frequency > 0 ? median / frequency : 1));
}

/**
 * How much a pixel of each class counts in the loss. `balanced`: `pixels / (classes * pixels of the class)`. `median`: the median of
 * the classes' frequencies over the class's own, which is its share of the labelled pixels of those images in which it occurs
 * (Eigen and Fergus, arXiv:1411.4734, section 6.3.2).
 * @param classes names, in the order of labels
 * @param count asked where the setting needs it
 * @returns undefined where all are 1
 * @throws UsageError `usage/unknown-name` for a name that is no class
 */
export async function resolvePixelWeights(
  setting: ClassWeights,
  classes: readonly string[],
  count: () => Promise<PixelCounts>,
): Promise<Float32Array | undefined> {
  if (setting === 'median') return byMedianFrequency(await count());
  if (setting !== 'balanced') return resolveClassWeights(setting, classes, new Int32Array());
  const { own } = await count();
  const all = own.reduce((sum, pixels) => sum + pixels, 0);
  return Float32Array.from(own, (pixels) => all / (classes.length * Math.max(pixels, 1)));
}
