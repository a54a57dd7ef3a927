import type { Picture, Preprocessing } from '@graftjs/core';
import { createRandom } from '../random.js';
import { stream } from '../streams.js';

/** What a picture's augmentation depends on, besides its index. */
export interface Chance {
  readonly seed: number;
  readonly epoch: number;
}

/** Prepares picture `index` for training, or without a chance for evaluation. */
export function preparePicture<P extends Picture, V>(
  picture: P,
  index: number,
  size: number,
  preprocessing: Preprocessing<P, V>,
  chance?: Chance,
): V {
  if (!chance) return preprocessing.evaluate(picture, size);
  return preprocessing.train(picture, size, createRandom(chance.seed, stream.picture, chance.epoch, index));
}
