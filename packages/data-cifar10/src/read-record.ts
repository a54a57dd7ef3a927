import { openSync, readSync } from 'node:fs';
import type { Picture } from '@graftjs/core';
import { readPicture as readFrom } from './cifar10-file.js';

/** Which picture of which file. */
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

/** Reads a picture for worker threads, which import this module. */
export function readPicture({ path, record }: RecordKey): Promise<Picture> {
  return readFrom({ path, read: (position, into) => readBytes(path, position, into) }, record);
}
