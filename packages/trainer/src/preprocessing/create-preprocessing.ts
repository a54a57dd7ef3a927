import { type Preprocessing, pick } from '@graftjs/core';
import { createResize } from './resize.js';
import { slimInception } from './slim-inception.js';
import { slimVgg } from './slim-vgg.js';

const known: Readonly<Record<string, Preprocessing>> = {
  none: createResize('none', { flip: false, crop: false }),
  flip: createResize('flip', { flip: true, crop: false }),
  crop: createResize('crop', { flip: false, crop: true }),
  'crop,flip': createResize('crop,flip', { flip: true, crop: true }),
  vgg: slimVgg,
  inception: slimInception,
};

/**
 * The preprocessing that a list of augmentations stands for: `none` (resized), `flip`, `crop` or both in any order, or
 * Slim's `vgg` or `inception`, each alone. Another list is a `UsageError` that tells the accepted ones.
 */
export function createPreprocessing(names: readonly string[]): Preprocessing {
  return pick('augmentation', names.toSorted().join(','), known);
}

/** Whether `createPreprocessing` makes this very one of its name. */
export function isBuiltIn(preprocessing: Pick<Preprocessing, 'name'>): boolean {
  return Object.hasOwn(known, preprocessing.name) && known[preprocessing.name] === preprocessing;
}
