import type { MaskedImage } from '@graftjs/core';
import type { Region } from './resize-bilinear.js';

/**
 * For each of `count` places from `first` on along a resized side: the index that has the largest share in what
 * `resizeBilinear` makes of it, of two equal ones the later. In float32, as there.
 */
function nearest(from: number, to: number, first: number, count: number): Uint32Array {
  const scale = Math.fround(from / to);
  const indices = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    indices[i] = Math.min(Math.floor(Math.fround((first + i) * scale) + 0.5), from - 1);
  }
  return indices;
}

/**
 * Resizes the mask of an image so that it stays pixel on pixel with what `resizeBilinear` makes of the image: labels are
 * taken over and never mixed.
 * @param height of the resized mask
 * @param width of the resized mask
 * @param window which part of the result is computed
 * @returns `window.height * window.width` labels
 */
export function resizeNearest(image: MaskedImage, height: number, width: number, window: Region): Uint8Array {
  const { mask } = image;
  const rows = nearest(image.height, height, window.top, window.height);
  const columns = nearest(image.width, width, window.left, window.width);
  const result = new Uint8Array(window.height * window.width);
  for (let y = 0, at = 0; y < window.height; y++) {
    const start = rows[y]! * image.width;
    for (let x = 0; x < window.width; x++) result[at++] = mask[start + columns[x]!]!;
  }
  return result;
}
