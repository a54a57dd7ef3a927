import type { Image, Preprocessing } from '@graftjs/core';
import { createRandom } from '../random.js';
import { stream } from '../streams.js';

/** What an image's augmentation depends on, besides its index. */
export interface Chance {
  readonly seed: number;
  readonly epoch: number;
}

/** Prepares image `index` for training, or without a chance for evaluation. */
export function prepareImage<P extends Image, V>(
  image: P,
  index: number,
  size: number,
  preprocessing: Preprocessing<P, V>,
  chance?: Chance,
): V {
  if (!chance) return preprocessing.evaluate(image, size);
  return preprocessing.train(image, size, createRandom(chance.seed, stream.image, chance.epoch, index));
}
