import protobuf from 'protobufjs/minimal.js';
import { Crc32c } from './crc32c.js';
import { trailerBytes, uncompressedType } from './table-block.js';
import { footerBytes, tableMagic } from './table-reader.js';

/** TensorFlow's own sizes (tensorflow/core/lib/io/table_options.h). */
const blockBytes = 1 << 18;
const entriesToRestart = 16;

interface Handle {
  readonly position: number;
  readonly bytes: number;
}

/** Entries of a block, keys shortened by what they share with the one before, spelled out at each restart point. */
class BlockBuilder {
  readonly #interval: number;
  readonly #chunks: Uint8Array[] = [];
  readonly #restarts: number[] = [];
  #bytes = 0;
  #entries = 0;
  #key: Uint8Array = new Uint8Array();

  constructor(interval: number) {
    this.#interval = interval;
  }

  /** The entry up to its value, which is for the caller to add. */
  addKey(key: Uint8Array, valueBytes: number): void {
    let shared = 0;
    if (this.#entries % this.#interval === 0) this.#restarts.push(this.#bytes);
    else while (shared < key.length && key[shared] === this.#key[shared]) shared++;
    this.addBytes(
      protobuf.Writer.create()
        .uint32(shared)
        .uint32(key.length - shared)
        .uint32(valueBytes)
        .finish(),
    );
    this.addBytes(key.subarray(shared));
    this.#key = key;
    this.#entries++;
  }

  addBytes(bytes: Uint8Array): void {
    this.#chunks.push(bytes);
    this.#bytes += bytes.length;
  }

  get empty(): boolean {
    return this.#entries === 0;
  }

  /** How large the block is with its end. */
  get endedBytes(): number {
    return this.#bytes + 4 * this.#restarts.length + 4;
  }

  /** All that was added, in one piece. */
  contents(): Uint8Array {
    const contents = new Uint8Array(this.#bytes);
    let at = 0;
    for (const chunk of this.#chunks) {
      contents.set(chunk, at);
      at += chunk.length;
    }
    return contents;
  }

  /** What ends a block: the restart points, of which even an empty one has a first, and their number. */
  end(): Uint8Array {
    const restarts = this.empty ? [0] : this.#restarts;
    const view = new DataView(new ArrayBuffer(4 * (restarts.length + 1)));
    restarts.forEach((at, index) => {
      view.setUint32(4 * index, at, true);
    });
    view.setUint32(4 * restarts.length, restarts.length, true);
    return new Uint8Array(view.buffer);
  }
}

/**
 * Writes a sorted string table as TensorFlow does, byte for byte (tensorflow/core/lib/io/table_builder.cc), uncompressed.
 * The methods give the bytes of the file in their order.
 */
export class TableWriter {
  readonly #index = new BlockBuilder(1);
  #block = new BlockBuilder(entriesToRestart);
  #position = 0;
  #lastKey: Uint8Array | undefined;
  /** A written block whose key in the index waits for the next key, since that tells how short it may be. */
  #pending: Handle | undefined;

  /**
   * Adds an entry; keys must ascend. A value of half a megabyte or more is not kept but handed on, in a block of its own.
   * @param valueBytes how many bytes `value` gives in all
   */
  async *add(key: Uint8Array, valueBytes: number, value: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const large = key.length + valueBytes >= 2 * blockBytes;
    if (large) yield* this.#flush([]);
    if (this.#pending !== undefined)
      this.#addToIndex(shortestSeparator(this.#lastKey as Uint8Array, key), this.#pending);
    this.#pending = undefined;
    this.#lastKey = key;
    this.#block.addKey(key, valueBytes);
    if (large) {
      yield* this.#flush(value);
      return;
    }
    for (const chunk of value) this.#block.addBytes(new Uint8Array(chunk));
    if (this.#block.endedBytes >= blockBytes) yield* this.#flush([]);
  }

  /** The last block, an empty block of metadata, the index, the footer. */
  async *finish(): AsyncGenerator<Uint8Array> {
    yield* this.#flush([]);
    const metadata = yield* this.#writeBlock(new BlockBuilder(entriesToRestart), []);
    if (this.#pending !== undefined) this.#addToIndex(shortSuccessor(this.#lastKey as Uint8Array), this.#pending);
    const index = yield* this.#writeBlock(this.#index, []);
    const footer = new Uint8Array(footerBytes);
    footer.set(encodeHandle(metadata));
    footer.set(encodeHandle(index), encodeHandle(metadata).length);
    footer.set(tableMagic, footerBytes - tableMagic.length);
    yield footer;
  }

  #addToIndex(key: Uint8Array, handle: Handle): void {
    const value = encodeHandle(handle);
    this.#index.addKey(key, value.length);
    this.#index.addBytes(value);
  }

  async *#flush(rest: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    if (this.#block.empty) return;
    this.#pending = yield* this.#writeBlock(this.#block, rest);
    this.#block = new BlockBuilder(entriesToRestart);
  }

  /** @param rest what follows the block's contents before its end */
  async *#writeBlock(block: BlockBuilder, rest: Iterable<Uint8Array>): AsyncGenerator<Uint8Array, Handle> {
    const position = this.#position;
    const crc = await Crc32c.create();
    for (const chunks of [[block.contents()], rest, [block.end()]]) {
      for (const chunk of chunks) {
        crc.update(chunk);
        this.#position += chunk.length;
        yield chunk;
      }
    }
    const bytes = this.#position - position;
    const trailer = new DataView(new ArrayBuffer(trailerBytes));
    trailer.setUint8(0, uncompressedType);
    trailer.setUint32(1, crc.update(Uint8Array.of(uncompressedType)).masked, true);
    this.#position += trailerBytes;
    yield new Uint8Array(trailer.buffer);
    return { position, bytes };
  }
}

function encodeHandle({ position, bytes }: Handle): Uint8Array {
  return protobuf.Writer.create().uint64(position).uint64(bytes).finish();
}

/** A short key from `last` on and below `next`. */
function shortestSeparator(last: Uint8Array, next: Uint8Array): Uint8Array {
  let at = 0;
  while (at < last.length && last[at] === next[at]) at++;
  const byte = last[at];
  if (byte === undefined || byte === 0xff || byte + 1 >= (next[at] as number)) return last;
  return incremented(last, at);
}

/** A short key from `last` on. */
function shortSuccessor(last: Uint8Array): Uint8Array {
  const at = last.findIndex((byte) => byte !== 0xff);
  return at < 0 ? last : incremented(last, at);
}

/** The first bytes of a key up to that at `at`, which is raised by one. */
function incremented(key: Uint8Array, at: number): Uint8Array {
  const shorter = key.slice(0, at + 1);
  shorter[at] = (key[at] as number) + 1;
  return shorter;
}
