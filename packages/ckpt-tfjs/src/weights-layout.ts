import { type CheckpointError, damagedCheckpoint, dtypeBytes, elementCount } from '@graftjs/core';
import { quantizedBytes } from './dequantize.js';
import type { WeightEntry } from './model-json.js';
import type { ShardedBytes } from './shards.js';

/** The length of a string comes before it, an unsigned 32-bit number. */
export const lengthBytes = 4;

/** How much is read at a time to find where strings end. */
const windowBytes = 1 << 16;

/** A tensor, and where its stored bytes are in its group's. */
export interface PlacedWeight {
  readonly entry: WeightEntry;
  readonly bytes: ShardedBytes;
  readonly start: number;
  readonly end: number;
}

/**
 * Places the tensors of a group, which follow each other.
 * @param path of the `model.json`
 * @throws CheckpointError `checkpoint/damaged` where they do not have the group's bytes, no more and no less
 */
export async function placeWeights(
  path: string,
  entries: readonly WeightEntry[],
  bytes: ShardedBytes,
): Promise<PlacedWeight[]> {
  const placed: PlacedWeight[] = [];
  let start = 0;
  for (const entry of entries) {
    const beyond = (end: number): CheckpointError =>
      damagedCheckpoint(path, undefined, `'${entry.name}' goes ${end - bytes.size} bytes beyond the end of its files`);
    const end = entry.dtype === 'string' ? await endOfStrings(entry, bytes, start, beyond) : start + storedBytes(entry);
    if (end > bytes.size) throw beyond(end);
    placed.push({ entry, bytes, start, end });
    start = end;
  }
  const left = bytes.size - start;
  if (left > 0) throw damagedCheckpoint(path, undefined, `the last ${left} bytes of its files belong to no tensor`);
  return placed;
}

function storedBytes({ shape, dtype, quantization }: WeightEntry): number {
  if (dtype === 'string') throw new TypeError('Strings have no fixed size.');
  return elementCount(shape) * (quantization ? quantizedBytes[quantization.dtype] : dtypeBytes[dtype]);
}

/** Goes from length to length. */
async function endOfStrings(
  { shape }: WeightEntry,
  bytes: ShardedBytes,
  start: number,
  beyond: (end: number) => CheckpointError,
): Promise<number> {
  const count = elementCount(shape);
  if (start + count * lengthBytes > bytes.size) throw beyond(start + count * lengthBytes);
  let window = new DataView(new ArrayBuffer(0));
  let windowStart = 0;
  let at = start;
  for (let string = 0; string < count; string++) {
    if (at + lengthBytes > bytes.size) throw beyond(at + lengthBytes);
    if (at < windowStart || at + lengthBytes > windowStart + window.byteLength) {
      const read = new Uint8Array(Math.min(windowBytes, bytes.size - at));
      await bytes.read(at, read);
      [window, windowStart] = [new DataView(read.buffer), at];
    }
    at += lengthBytes + window.getUint32(at - windowStart, true);
  }
  return at;
}
