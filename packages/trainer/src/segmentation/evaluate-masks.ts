import type { MaskedPicture, MaskSplit } from '@graftjs/core';
import { prefetched } from '../prefetched.js';
import { SegmentationMetrics, type SegmentationScores } from '../segmentation-metrics.js';
import { type SegmentOptions, segmentPicture, tileSize, viewSizes } from './segment-picture.js';

/** A picture of a split, and what was made of it. */
export interface SegmentedPicture {
  /** Its place in the split. */
  readonly index: number;
  readonly picture: MaskedPicture;
  /** A label for each pixel. */
  readonly prediction: Uint8Array;
  /** Of this picture alone. */
  readonly scores: SegmentationScores;
}

/** How a split is evaluated. */
export interface EvaluateMasksOptions extends SegmentOptions {
  /** Called with each picture, in no particular order, and waited for. */
  readonly onPicture?: (segmented: SegmentedPicture) => void | Promise<void>;
  /** Ends it before the next picture, with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called after each picture. */
  readonly onProgress?: (done: number, count: number) => void;
}

/** The pictures' places, those that need the same networks one after the other. */
function bySize(split: MaskSplit, options: SegmentOptions): number[] {
  const places = Array.from({ length: split.count }, (_, index) => index);
  const keys = places.map((index) => {
    const tiles = viewSizes(split.size(index), options).map((view) => tileSize(view, options.window));
    return tiles.map(({ height, width }) => `${height}x${width}`).join();
  });
  return places.sort((a, b) => (keys[a]! < keys[b]! ? -1 : keys[a]! > keys[b]! ? 1 : a - b));
}

/**
 * Predicts the mask of every picture of a split and compares it with the true one, pixel by pixel in the picture's own size. One
 * picture is in memory at a time, and the next.
 * @param classes their names, as many as the network has outputs
 * @throws RunError `run/not-finite` where the network gives no numbers; DataError for a damaged picture or mask
 */
export async function evaluateMasks(
  split: MaskSplit,
  classes: readonly string[],
  options: EvaluateMasksOptions,
): Promise<SegmentationScores> {
  const { onPicture, signal, onProgress } = options;
  const metrics = new SegmentationMetrics(classes);
  const order = bySize(split, options);
  let done = 0;
  for await (const [index, picture] of prefetched(0, order.length, 1, async (place) => {
    return [order[place]!, await split.read(order[place]!)] as const;
  })) {
    signal?.throwIfAborted();
    const prediction = await segmentPicture(picture, options);
    metrics.add(picture.mask, prediction);
    if (onPicture) {
      const own = new SegmentationMetrics(classes);
      own.add(picture.mask, prediction);
      await onPicture({ index, picture, prediction, scores: own.result() });
    }
    onProgress?.(++done, split.count);
  }
  return metrics.result();
}
