import { fittedSize } from '../preprocessing/masked-resize.js';
import type { PlaneSize } from './resize-channels.js';

/**
 * As how large a network knows images from its training: crops are cut out of images as they are; without crops the whole
 * image is fitted into the network's square.
 */
export function trainedSize(augment: readonly string[], size: number): (image: PlaneSize) => PlaneSize {
  return augment.includes('crop') ? (image) => image : (image) => fittedSize(image, size);
}
