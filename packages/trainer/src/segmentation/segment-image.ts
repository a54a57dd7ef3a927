import type { Image } from '@graftjs/core';
import { mostLikelyClasses } from '../most-likely-classes.js';
import { flip as mirror } from '../preprocessing/flip.js';
import { resizeBilinear } from '../preprocessing/resize-bilinear.js';
import { addResized, type PlaneSize } from './resize-channels.js';
import type { SizedNetwork } from './sized-network.js';
import type { ViewOptions } from './view-options.js';

/** How a run looks at images, beyond what its user says. */
export interface SegmentOptions extends ViewOptions {
  readonly network: SizedNetwork;
  /** How many classes there are. */
  readonly classes: number;
  /** As how large the network knows images from its training. */
  sizeOf(image: PlaneSize): PlaneSize;
}

const scaled = (side: number, scale: number): number => Math.max(1, Math.round(side * scale));

/** The sizes that an image is looked at in. */
export function viewSizes(image: PlaneSize, { sizeOf, scales = [1] }: SegmentOptions): PlaneSize[] {
  const { height, width } = sizeOf(image);
  return scales.map((scale) => ({ height: scaled(height, scale), width: scaled(width, scale) }));
}

/** The part of a view that the network gets at once. */
export const tileSize = (view: PlaneSize, window: number = Number.POSITIVE_INFINITY): PlaneSize => ({
  height: Math.min(view.height, window),
  width: Math.min(view.width, window),
});

/** Where tiles begin along a side: a third of each lies over the next, and the last ends with the side. */
function tileStarts(side: number, tile: number): number[] {
  const most = Math.ceil((side - tile) / Math.max(1, Math.floor((2 * tile) / 3))) + 1;
  return Array.from({ length: most }, (_, i) => (most === 1 ? 0 : Math.round((i * (side - tile)) / (most - 1))));
}

/** A part of rows of `width * channels` values. */
function cutOut(values: Uint8Array, width: number, top: number, left: number, tile: PlaneSize): Uint8Array {
  const part = new Uint8Array(tile.height * tile.width * 3);
  for (let y = 0; y < tile.height; y++) {
    const start = ((top + y) * width + left) * 3;
    part.set(values.subarray(start, start + tile.width * 3), y * tile.width * 3);
  }
  return part;
}

/** Softmax of each pixel, in place. */
function toProbabilities(logits: Float32Array, classes: number): Float32Array {
  for (let start = 0; start < logits.length; start += classes) {
    let largest = Number.NEGATIVE_INFINITY;
    for (let i = start; i < start + classes; i++) if (!(logits[i]! <= largest)) largest = logits[i]!;
    let sum = 0;
    for (let i = start; i < start + classes; i++) {
      logits[i] = Math.exp(logits[i]! - largest);
      sum += logits[i]!;
    }
    for (let i = start; i < start + classes; i++) logits[i]! /= sum;
  }
  return logits;
}

/** Probabilities `[height, width, classes]` of an image of the view's size: of its tiles, the mean where several lie. */
async function lookAt(pixels: Uint8Array, view: PlaneSize, options: SegmentOptions): Promise<Float32Array> {
  const { network, classes, window } = options;
  const tile = tileSize(view, window);
  if (tile.height === view.height && tile.width === view.width) {
    return toProbabilities(await network.logits(pixels, view), classes);
  }
  const sum = new Float32Array(view.height * view.width * classes);
  const counts = new Uint16Array(view.height * view.width);
  for (const top of tileStarts(view.height, tile.height)) {
    for (const left of tileStarts(view.width, tile.width)) {
      const part = cutOut(pixels, view.width, top, left, tile);
      const probabilities = toProbabilities(await network.logits(part, tile), classes);
      for (let y = 0; y < tile.height; y++) {
        const row = (top + y) * view.width + left;
        for (let x = 0; x < tile.width; x++) counts[row + x]!++;
        for (let i = 0, from = y * tile.width * classes; i < tile.width * classes; i++) {
          sum[row * classes + i]! += probabilities[from + i]!;
        }
      }
    }
  }
  for (let i = 0; i < sum.length; i++) sum[i]! /= counts[Math.floor(i / classes)]!;
  return sum;
}

const area = ({ height, width }: PlaneSize): number => height * width;

/**
 * Bytes that `segmentImage` takes beside the network: an image and the next one with their masks, its labels and its sum of
 * probabilities; and the view, as numbers and as bytes.
 */
export const segmentingBytes = (image: PlaneSize, view: PlaneSize, classes: number): number =>
  area(image) * (2 * 4 + 1 + 4 * classes) + area(view) * (3 * 4 + 3);

/** The size with the most pixels. */
export const largestOf = (sizes: readonly PlaneSize[]): PlaneSize =>
  sizes.reduce((largest, size) => (area(size) > area(largest) ? size : largest));

/**
 * The class of each pixel of an image, in its own size. Several views (scales, mirror image, windows) are joined by the mean of
 * their probabilities, as in PSPNet (Zhao and others, arXiv:1612.01105, section 5).
 * @returns a label for each pixel, row by row
 * @throws RunError `run/not-finite` where the network gives no numbers
 */
export async function segmentImage(image: Image, options: SegmentOptions): Promise<Uint8Array> {
  const { classes, flip = false } = options;
  const sum = new Float32Array(image.height * image.width * classes);
  for (const view of viewSizes(image, options)) {
    const values = resizeBilinear(image, view.height, view.width);
    // Clamped arrays round to the nearest, halves to the even one, as those do that training images are put into.
    const pixels = new Uint8Array(Uint8ClampedArray.from(values).buffer);
    addResized(await lookAt(pixels, view, options), view, sum, image, classes);
    if (!flip) continue;
    mirror(pixels, view.height, view.width);
    const mirrored = await lookAt(pixels, view, options);
    mirror(mirrored, view.height, view.width, classes);
    addResized(mirrored, view, sum, image, classes);
  }
  return mostLikelyClasses(sum, classes);
}
