import { openSync, readSync } from 'node:fs';
import type { Image } from '@graftjs/core';
import { readImage as readFrom } from './cifar10-file.js';

/** Which image of which file. */
export interface RecordKey {
  readonly path: string;
  readonly record: number;
}

/** Of the files that this thread has read from; they are closed when it ends. */
const descriptors = new Map<string, number>();

/** Reads at once: a record is in memory sooner than another thread would be asked for it. */
async function readBytes(path: string, position: number, into: Uint8Array): Promise<void> {
  const descriptor = descriptors.get(path) ?? openSync(path, 'r');
  descriptors.set(path, descriptor);
  const bytes = readSync(descriptor, into, 0, into.length, position);
  if (bytes < into.length) throw new RangeError(`${path} ends at byte ${position + bytes}`);
}

/** Reads an image for worker threads, which import this module. */
export function readImage({ path, record }: RecordKey): Promise<Image> {
  return readFrom({ path, read: (position, into) => readBytes(path, position, into) }, record);
}
