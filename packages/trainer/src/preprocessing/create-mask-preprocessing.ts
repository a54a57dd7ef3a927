import { type MaskPreprocessing, pick } from '@graftjs/core';
import { createMaskedResize } from './masked-resize.js';

const known: Readonly<Record<string, MaskPreprocessing>> = {
  none: createMaskedResize('none', { flip: false, crop: false, scale: false }),
  flip: createMaskedResize('flip', { flip: true, crop: false, scale: false }),
  crop: createMaskedResize('crop', { flip: false, crop: true, scale: false }),
  'crop,flip': createMaskedResize('crop,flip', { flip: true, crop: true, scale: false }),
  'crop,scale': createMaskedResize('crop,scale', { flip: false, crop: true, scale: true }),
  'crop,flip,scale': createMaskedResize('crop,flip,scale', { flip: true, crop: true, scale: true }),
};

/**
 * The preprocessing of images with masks that a list of augmentations stands for: `none` (fitted in), or `flip` and `crop`,
 * and with `crop` also `scale`, in any order. Another list is a `UsageError` that tells the accepted ones.
 */
export function createMaskPreprocessing(names: readonly string[]): MaskPreprocessing {
  return pick('augmentation of images with masks', names.toSorted().join(','), known);
}

/** Whether `createMaskPreprocessing` makes this very one of its name. */
export function isBuiltInForMasks(preprocessing: Pick<MaskPreprocessing, 'name'>): boolean {
  return Object.hasOwn(known, preprocessing.name) && known[preprocessing.name] === preprocessing;
}
