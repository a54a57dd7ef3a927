import type { ReadableFile } from '@graftjs/core';
import { damagedCheckpoint } from '@graftjs/core';
import protobuf from 'protobufjs/minimal.js';
import { ByteStream } from './byte-stream.js';
import { Crc32c } from './crc32c.js';
import {
  compareBytes,
  decodeBlock,
  entriesEnd,
  joinKey,
  keyRatio,
  snappyType,
  type TableEntry,
  trailerBytes,
  uncompressBlock,
  uncompressedType,
} from './table-block.js';

export const footerBytes = 48;
/** The last eight bytes of every table, little-endian: 0xdb4775248b80fb57. */
export const tableMagic = Uint8Array.of(0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb);
/** Blocks up to this size are read and kept whole. TensorFlow gives an entry of 512 KiB or more a block of its own. */
const wholeBlockBytes = 1 << 20;

interface Block {
  readonly lastKey: Uint8Array;
  readonly position: number;
  readonly bytes: number;
}

/** A value that has been found: `stream` stands at its first byte. */
export interface TableValue {
  readonly stream: ByteStream;
  readonly length: number;
  /** Checks the checksum where that could not be done before the value was read: until then, trust no byte of it. */
  verify(): Promise<void>;
}

/** True where `file` ends as a table does. */
export async function isTable(file: ReadableFile): Promise<boolean> {
  if (file.size < footerBytes) return false;
  const magic = new Uint8Array(tableMagic.length);
  await file.read(file.size - magic.length, magic);
  return compareBytes(magic, tableMagic) === 0;
}

/**
 * Reads TensorFlow's sorted string table (tensorflow/core/lib/io/table_format.txt, LevelDB's format): blocks of entries
 * with prefix-compressed keys, an index of the blocks, a footer. Opening reads footer and index only.
 */
export class TableReader {
  readonly #file: ReadableFile;
  readonly #blocks: readonly Block[];
  #kept: { readonly block: Block; readonly entries: Promise<TableEntry[]> } | undefined;

  private constructor(file: ReadableFile, blocks: readonly Block[]) {
    this.#file = file;
    this.#blocks = blocks;
  }

  /** @throws CheckpointError `checkpoint/damaged` */
  static async open(file: ReadableFile): Promise<TableReader> {
    if (!(await isTable(file))) {
      throw damagedCheckpoint(
        file.path,
        file.size,
        'it does not end as a table ends, so it is cut off or of another format',
      );
    }
    const footer = new Uint8Array(footerBytes);
    const footerAt = file.size - footerBytes;
    await file.read(footerAt, footer);
    const reader = protobuf.Reader.create(footer);
    const limit = footerAt - trailerBytes;
    readHandle(reader, file.path, footerAt, limit); // The meta index: TensorFlow writes it empty and never reads it.
    const index = readHandle(reader, file.path, footerAt, limit);
    const entries = decodeBlock(await readBlock(file, index.position, index.bytes), file.path, index.position);
    let free = 0;
    const blocks = entries.map(({ key, value }): Block => {
      const handle = readHandle(protobuf.Reader.create(value), file.path, index.position, limit);
      if (handle.position < free) throw damagedCheckpoint(file.path, index.position, 'two blocks overlap');
      free = handle.position + handle.bytes + trailerBytes;
      return { lastKey: key, ...handle };
    });
    return new TableReader(file, blocks);
  }

  /** All entries in the order of their keys, one block in memory at a time. */
  async *entries(): AsyncGenerator<TableEntry> {
    let last: Uint8Array | undefined;
    for (const { position, bytes } of this.#blocks) {
      const entries = decodeBlock(await readBlock(this.#file, position, bytes), this.#file.path, position);
      const first = entries[0];
      if (last !== undefined && first !== undefined && compareBytes(last, first.key) >= 0) {
        throw damagedCheckpoint(this.#file.path, position, 'the keys are not in order');
      }
      last = entries.at(-1)?.key ?? last;
      yield* entries;
    }
  }

  /** The value under `key`, undefined where there is none. */
  async find(key: Uint8Array): Promise<TableValue | undefined> {
    const block = this.#blocks[lowerBound(this.#blocks, (candidate) => compareBytes(candidate.lastKey, key) < 0)];
    if (block === undefined) return undefined;
    if (block.bytes > wholeBlockBytes) {
      const { type, restarts } = await readTail(this.#file, block);
      if (type === uncompressedType) return this.#findInLargeBlock(block, entriesEnd(block.bytes, restarts), key);
    }
    const entries = await this.#entriesOf(block);
    const entry = entries[lowerBound(entries, (candidate) => compareBytes(candidate.key, key) < 0)];
    if (entry === undefined || compareBytes(entry.key, key) !== 0) return undefined;
    const { value } = entry;
    const stream = ByteStream.ofBytes(this.#file.path, block.position, value);
    return { stream, length: value.length, verify: () => Promise.resolve() };
  }

  /** Variables that are read one after the other share blocks, so the last block of ordinary size is kept. */
  #entriesOf(block: Block): Promise<TableEntry[]> {
    if (this.#kept?.block === block) return this.#kept.entries;
    const { path } = this.#file;
    const entries = readBlock(this.#file, block.position, block.bytes).then((bytes) =>
      decodeBlock(bytes, path, block.position),
    );
    if (block.bytes <= wholeBlockBytes) this.#kept = { block, entries };
    return entries;
  }

  async #findInLargeBlock(block: Block, end: number, key: Uint8Array): Promise<TableValue | undefined> {
    const crc = await Crc32c.create();
    const stream = new ByteStream(this.#file, block.position, block.bytes + 1, crc);
    const { path } = stream;
    const verify = async () => {
      await stream.skip(stream.remaining);
      await expectChecksum(this.#file, block.position + block.bytes + 1, crc);
    };
    let current: Uint8Array = new Uint8Array();
    let keyBytes = 0;
    while (stream.position < block.position + end) {
      const at = stream.position;
      const shared = await stream.readVarint();
      const unshared = await stream.readVarint();
      const length = await stream.readVarint();
      keyBytes += shared + unshared;
      const next = stream.position + unshared + length;
      if (shared > current.length || next > block.position + end || keyBytes > keyRatio * block.bytes) {
        throw damagedCheckpoint(path, at, 'an entry reaches beyond its block');
      }
      current = joinKey(current, shared, (await stream.peek(unshared)).subarray(0, unshared));
      stream.advance(unshared);
      if (compareBytes(current, key) === 0) return { stream, length, verify };
      await stream.skip(length);
    }
    await verify();
    return undefined;
  }
}

/** The index of the first of `sorted` that is not `below`. */
function lowerBound<T>(sorted: readonly T[], below: (candidate: T) => boolean): number {
  let from = 0;
  let to = sorted.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (below(sorted[middle] as T)) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** Where a block is and how long; `limit` is where the last one may end. */
function readHandle(reader: protobuf.Reader, path: string, at: number, limit: number) {
  let position: number;
  let bytes: number;
  try {
    position = Number(reader.uint64());
    bytes = Number(reader.uint64());
  } catch (cause) {
    throw damagedCheckpoint(path, at, 'the place of a block is cut off', cause);
  }
  if (position + bytes > limit)
    throw damagedCheckpoint(path, at, `a block should be at byte ${position} with ${bytes} bytes`);
  return { position, bytes };
}

/** A block, checked against its checksum and uncompressed. */
async function readBlock(file: ReadableFile, position: number, bytes: number): Promise<Uint8Array> {
  const crc = await Crc32c.create();
  const contents = new Uint8Array(bytes + 1);
  await new ByteStream(file, position, bytes + 1, crc).read(contents);
  await expectChecksum(file, position + bytes + 1, crc);
  const block = contents.subarray(0, bytes);
  const type = contents[bytes];
  if (type === uncompressedType) return block;
  if (type === snappyType) return uncompressBlock(block, file.path, position);
  throw damagedCheckpoint(
    file.path,
    position + bytes,
    `there is no block type ${type}; known are 0 (as is) and 1 (Snappy)`,
  );
}

async function expectChecksum(file: ReadableFile, position: number, crc: Crc32c): Promise<void> {
  const stored = new Uint8Array(4);
  await file.read(position, stored);
  if (new DataView(stored.buffer).getUint32(0, true) !== crc.masked) {
    throw damagedCheckpoint(file.path, position, 'the checksum (CRC-32C) of the block before it does not match');
  }
}

/** Type and number of restart points of a block, before its checksum is known. */
async function readTail(file: ReadableFile, block: Block): Promise<{ type: number; restarts: number }> {
  const tail = new Uint8Array(5);
  await file.read(block.position + block.bytes - 4, tail);
  return { type: tail[4] as number, restarts: new DataView(tail.buffer).getUint32(0, true) };
}
