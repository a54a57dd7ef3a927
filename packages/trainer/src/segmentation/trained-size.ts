import { fittedSize } from '../preprocessing/masked-resize.js';
import type { PlaneSize } from './resize-channels.js';

/**
 * As how large a network knows pictures from its training: crops are cut out of pictures as they are; without crops the whole
 * picture is fitted into the network's square.
 */
export function trainedSize(augment: readonly string[], size: number): (picture: PlaneSize) => PlaneSize {
  return augment.includes('crop') ? (picture) => picture : (picture) => fittedSize(picture, size);
}
