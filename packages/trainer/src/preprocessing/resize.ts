import type { Image, Preprocessing, Random } from '@graftjs/core';
import { flip as flipValues } from './flip.js';
import { resizeBilinear } from './resize-bilinear.js';

/** Rows and columns of black around an image that is cropped at random: 4 at 32 pixels. */
const paddingShare = 4 / 32;

/** Moves RGB values down and to the right by so many pixels; what comes in is black. */
function shift(values: Float32Array, size: number, down: number, right: number): Float32Array {
  const shifted = new Float32Array(values.length);
  const length = (size - Math.abs(right)) * 3;
  const from = Math.max(-right, 0) * 3;
  const to = Math.max(right, 0) * 3;
  for (let y = Math.max(down, 0); y < size + Math.min(down, 0); y++) {
    const source = (y - down) * size * 3 + from;
    shifted.set(values.subarray(source, source + length), y * size * 3 + to);
  }
  return shifted;
}

function cropAtRandom(values: Float32Array, size: number, random: Random): Float32Array {
  const padding = Math.round(size * paddingShare);
  const down = padding - random.below(2 * padding + 1);
  const right = padding - random.below(2 * padding + 1);
  return shift(values, size, down, right);
}

/**
 * Resizes the whole image, without keeping its ratio; one that has the size already passes unchanged. In training,
 * `crop` pads the resized image with black, by 4 pixels on each side at 32 and in proportion elsewhere, and cuts a
 * part of the size out at random; `flip` mirrors every other image. Together they are the usual recipe for CIFAR
 * (He and others, arXiv:1512.03385, section 4.2).
 */
export function createResize(
  name: string,
  augmentation: { readonly flip: boolean; readonly crop: boolean },
): Preprocessing {
  const evaluate = (image: Image, size: number): Float32Array => resizeBilinear(image, size, size);
  return {
    name,
    evaluate,
    describe: (size) => [{ step: 'resize', height: size, width: size }],
    train(image, size, random) {
      let values = evaluate(image, size);
      if (augmentation.crop) values = cropAtRandom(values, size, random);
      if (augmentation.flip && random.uniform() < 0.5) flipValues(values, size, size);
      return values;
    },
  };
}
