import { formulaPicture } from '@graftjs/core/testing';
import type { ForwardOracle, TrainingOracle } from './oracle.js';

/** The pictures that an oracle file names, one after the other. */
export function formulaBatch({ images, size }: ForwardOracle | TrainingOracle): Uint8Array {
  const bytes = new Uint8Array(images.length * size * size * 3);
  for (const [index, name] of images.entries()) bytes.set(formulaPicture(name, size, size), index * size * size * 3);
  return bytes;
}
