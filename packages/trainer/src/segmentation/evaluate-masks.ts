import type { MaskedImage, MaskSplit } from '@graftjs/core';
import { prefetched } from '../prefetched.js';
import { SegmentationMetrics, type SegmentationScores } from '../segmentation-metrics.js';
import { type SegmentOptions, segmentImage, tileSize, viewSizes } from './segment-image.js';

/** An image of a split, and what was made of it. */
export interface SegmentedImage {
  /** Its place in the split. */
  readonly index: number;
  readonly image: MaskedImage;
  /** A label for each pixel. */
  readonly prediction: Uint8Array;
  /** Of this image alone. */
  readonly scores: SegmentationScores;
}

/** How a split is evaluated. */
export interface EvaluateMasksOptions extends SegmentOptions {
  /** Called with each image, in no particular order, and waited for. */
  readonly onImage?: (segmented: SegmentedImage) => void | Promise<void>;
  /** Ends it before the next image, with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called after each image. */
  readonly onProgress?: (done: number, count: number) => void;
}

/** The images' places, those that need the same networks one after the other. */
function bySize(split: MaskSplit, options: SegmentOptions): number[] {
  const places = Array.from({ length: split.count }, (_, index) => index);
  const keys = places.map((index) => {
    const tiles = viewSizes(split.size(index), options).map((view) => tileSize(view, options.window));
    return tiles.map(({ height, width }) => `${height}x${width}`).join();
  });
  return places.sort((a, b) => (keys[a]! < keys[b]! ? -1 : keys[a]! > keys[b]! ? 1 : a - b));
}

/**
 * Predicts the mask of every image of a split and compares it with the true one, pixel by pixel in the image's own size. One
 * image is in memory at a time, and the next.
 * @param classes their names, as many as the network has outputs
 * @throws RunError `run/not-finite` where the network gives no numbers; DataError for a damaged image or mask
 */
export async function evaluateMasks(
  split: MaskSplit,
  classes: readonly string[],
  options: EvaluateMasksOptions,
): Promise<SegmentationScores> {
  const { onImage, signal, onProgress } = options;
  const metrics = new SegmentationMetrics(classes);
  const order = bySize(split, options);
  let done = 0;
  for await (const [index, image] of prefetched(0, order.length, 1, async (place) => {
    return [order[place]!, await split.read(order[place]!)] as const;
  })) {
    signal?.throwIfAborted();
    const prediction = await segmentImage(image, options);
    metrics.add(image.mask, prediction);
    if (onImage) {
      const own = new SegmentationMetrics(classes);
      own.add(image.mask, prediction);
      await onImage({ index, image, prediction, scores: own.result() });
    }
    onProgress?.(++done, split.count);
  }
  return metrics.result();
}
