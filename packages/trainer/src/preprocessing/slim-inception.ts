import type { Image, Preprocessing, Random } from '@graftjs/core';
import { distortColors } from './distort-colors.js';
import { drawDistortedBox } from './distorted-box.js';
import { flip } from './flip.js';
import { resizeBilinear } from './resize-bilinear.js';

const centralFraction = 0.875;

/** `tf.image.central_crop`: what is cut away at either end is rounded down. */
function central(side: number): { first: number; length: number } {
  const first = Math.trunc((side - side * centralFraction) / 2);
  return { first, length: side - 2 * first };
}

function train(image: Image, size: number, random: Random): Float32Array {
  const of = drawDistortedBox(image.height, image.width, random);
  const values = resizeBilinear(image, size, size, { of });
  if (random.uniform() < 0.5) flip(values, size, size);
  distortColors(values, random);
  return values;
}

function evaluate(image: Image, size: number): Float32Array {
  const rows = central(image.height);
  const columns = central(image.width);
  const of = { top: rows.first, left: columns.first, height: rows.length, width: columns.length };
  return resizeBilinear(image, size, size, { of });
}

/**
 * TF-Slim's `preprocessing/inception_preprocessing.py` (Szegedy and others, arXiv:1409.4842), on 0 to 255. In evaluation
 * the middle seven eighths of either side are resized. In training a part of any place, size and aspect is drawn,
 * resized, mirrored every other time, and its colours are distorted. Slim draws one of four ways of resizing there;
 * this is always bilinear, as in Slim's fast mode and in evaluation.
 */
export const slimInception: Preprocessing = {
  name: 'inception',
  train,
  evaluate,
  describe: (size) => [
    { step: 'cropCentralShare', share: centralFraction },
    { step: 'resize', height: size, width: size },
  ],
};
