import { damagedCheckpoint } from '@graftjs/core';
import { snappyUncompress } from 'hysnappy';
import protobuf from 'protobufjs/minimal.js';

/** Bytes after each block: its type, then the masked CRC-32C of block and type. */
export const trailerBytes = 5;
export const uncompressedType = 0;
export const snappyType = 1;

/** Snappy's best case: a copy of 64 bytes is written as three. */
export const snappyRatio = 64 / 3;
/** Writers spell a key out every 16 entries, so that prefix compression saves at most that much. */
export const keyRatio = 32;

export interface TableEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** Where the entries of a block end: after them come the offsets of the restart points, four bytes each, and their number. */
export function entriesEnd(blockBytes: number, restarts: number): number {
  return blockBytes - 4 - 4 * restarts;
}

/** Below, at or above zero as `a` sorts before, with or after `b`, byte by byte. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let at = 0; at < shared; at++) {
    const difference = (a[at] as number) - (b[at] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/**
 * The entries of an uncompressed block in their order, which must be strictly ascending; values are views of `block`.
 * @param path @param position the file and the block's place in it, for messages
 * @throws CheckpointError `checkpoint/damaged`
 */
export function decodeBlock(block: Uint8Array, path: string, position: number): TableEntry[] {
  const view = new DataView(block.buffer, block.byteOffset, block.length);
  const end = block.length < 4 ? -1 : entriesEnd(block.length, view.getUint32(block.length - 4, true));
  if (end < 0) throw damagedCheckpoint(path, position, 'a block has more restart points than it has room for');
  const entries: TableEntry[] = [];
  const reader = protobuf.Reader.create(block.subarray(0, end));
  let key: Uint8Array = new Uint8Array();
  let keyBytes = 0;
  while (reader.pos < end) {
    const at = position + reader.pos;
    const { shared, unshared, valueBytes } = readEntryHeader(reader, path, at);
    const keyAt = reader.pos;
    keyBytes += shared + unshared;
    if (shared > key.length || keyAt + unshared + valueBytes > end || keyBytes > keyRatio * block.length) {
      throw damagedCheckpoint(path, at, 'an entry reaches beyond its block');
    }
    const next = joinKey(key, shared, block.subarray(keyAt, keyAt + unshared));
    if (entries.length > 0 && compareBytes(key, next) >= 0)
      throw damagedCheckpoint(path, at, 'the keys are not in order');
    key = next;
    reader.pos = keyAt + unshared + valueBytes;
    entries.push({ key, value: block.subarray(keyAt + unshared, reader.pos) });
  }
  return entries;
}

/** The key that repeats the first `shared` bytes of the one before it and goes on with `rest`. */
export function joinKey(previous: Uint8Array, shared: number, rest: Uint8Array): Uint8Array {
  const key = new Uint8Array(shared + rest.length);
  key.set(previous.subarray(0, shared));
  key.set(rest, shared);
  return key;
}

function readEntryHeader(reader: protobuf.Reader, path: string, at: number) {
  try {
    return { shared: reader.uint32(), unshared: reader.uint32(), valueBytes: reader.uint32() };
  } catch (cause) {
    throw damagedCheckpoint(path, at, 'an entry of a block is cut off', cause);
  }
}

/**
 * A Snappy-compressed block as it was before. Nothing is allocated for a length that so many bytes cannot stand for.
 * @throws CheckpointError `checkpoint/damaged`
 */
export function uncompressBlock(compressed: Uint8Array, path: string, position: number): Uint8Array {
  try {
    const length = protobuf.Reader.create(compressed).uint32();
    if (length > compressed.length * snappyRatio) {
      throw new RangeError(`${compressed.length} compressed bytes cannot stand for ${length}`);
    }
    return snappyUncompress(compressed, length);
  } catch (cause) {
    throw damagedCheckpoint(path, position, 'a Snappy-compressed block cannot be uncompressed', cause);
  }
}
