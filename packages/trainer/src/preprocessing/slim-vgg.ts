import type { Image, Preprocessing, Random } from '@graftjs/core';
import { flip } from './flip.js';
import { resizeBilinear } from './resize-bilinear.js';
import { roundHalfEven } from './round-half-even.js';

/** Slim's sides for an output of 224; other outputs scale them. */
const [smallestSide, largestSide, usualSize] = [256, 512, 224];

const scaledSide = (side: number, size: number): number => roundHalfEven((side * size) / usualSize);

/**
 * Slim's `_smallest_size_at_least`: the smaller side becomes `side`, the other keeps the ratio, both rounded by `rint`
 * (older versions of Slim cut instead). Float32, as Slim has it.
 */
function resizedTo(image: Image, side: number): { height: number; width: number } {
  const scale = Math.fround(side / Math.min(image.height, image.width));
  return {
    height: roundHalfEven(Math.fround(image.height * scale)),
    width: roundHalfEven(Math.fround(image.width * scale)),
  };
}

function train(image: Image, size: number, random: Random): Float32Array {
  const least = scaledSide(smallestSide, size);
  const side = least + random.below(scaledSide(largestSide, size) - least + 1);
  const { height, width } = resizedTo(image, side);
  const top = random.below(height - size + 1);
  const left = random.below(width - size + 1);
  const values = resizeBilinear(image, height, width, { window: { top, left, height: size, width: size } });
  if (random.uniform() < 0.5) flip(values, size, size);
  return values;
}

function evaluate(image: Image, size: number): Float32Array {
  const { height, width } = resizedTo(image, scaledSide(smallestSide, size));
  const top = Math.floor((height - size) / 2);
  const left = Math.floor((width - size) / 2);
  return resizeBilinear(image, height, width, { window: { top, left, height: size, width: size } });
}

/**
 * TF-Slim's `preprocessing/vgg_preprocessing.py`, from Simonyan and Zisserman (arXiv:1409.1556). In evaluation the
 * smaller side is resized to 256 for a size of 224 (in proportion for others), and the middle is cut out. In training
 * the smaller side is drawn from 256 to 512, the cut is drawn, and every other image is mirrored.
 */
export const slimVgg: Preprocessing = {
  name: 'vgg',
  train,
  evaluate,
  describe: (size) => [
    { step: 'resizeSmallerSide', to: scaledSide(smallestSide, size) },
    { step: 'cropCentre', height: size, width: size },
  ],
};
