import type { ReadableFile } from '@graftjs/core';
import { damagedCheckpoint } from '@graftjs/core';
import type { Crc32c } from './crc32c.js';

const bufferBytes = 1 << 18;
/** From this size on, bytes go from the file to their place without passing through the buffer. */
const directBytes = 1 << 16;
/** What is read at once: while one piece is summed up, the next is on its way. */
const pieceBytes = 1 << 21;

type Source = Pick<ReadableFile, 'path' | 'read'>;

/** A stretch of a file, read once from front to back; every byte that is fetched enters the checksum, if there is one. */
export class ByteStream {
  readonly path: string;
  readonly #source: Source;
  readonly #crc: Crc32c | undefined;
  readonly #end: number;
  #next: number;
  #buffer: Uint8Array = new Uint8Array();
  #from = 0;
  #to = 0;

  /** The `length` bytes of `source` from `position` on, which must lie within it. */
  constructor(source: Source, position: number, length: number, crc?: Crc32c) {
    this.path = source.path;
    this.#source = source;
    this.#crc = crc;
    this.#next = position;
    this.#end = position + length;
  }

  /** Bytes that are in memory; `position` is where they begin, for messages. */
  static ofBytes(path: string, position: number, bytes: Uint8Array): ByteStream {
    const read = () => Promise.reject(new RangeError(`All bytes of ${path} are in memory`));
    const stream = new ByteStream({ path, read }, position + bytes.length, 0);
    stream.#buffer = bytes;
    stream.#to = bytes.length;
    return stream;
  }

  /** Where the next byte is, counted from the start of the file. */
  get position(): number {
    return this.#next - this.#buffered;
  }

  get remaining(): number {
    return this.#end - this.position;
  }

  get #buffered(): number {
    return this.#to - this.#from;
  }

  /** What is buffered: at least `count` bytes, all of them in a row. They stay the next ones until `advance`. */
  async peek(count: number): Promise<Uint8Array> {
    if (this.#buffered < count) await this.#fill(count);
    return this.#buffer.subarray(this.#from, this.#to);
  }

  /** Passes over bytes that `peek` returned. */
  advance(count: number): void {
    this.#from += count;
  }

  /** Fills `into`; undefined where that could be done at once. */
  read(into: Uint8Array): Promise<void> | undefined {
    if (into.length > this.#buffered) return this.#readOn(into);
    into.set(this.#buffer.subarray(this.#from, this.#from + into.length));
    this.#from += into.length;
    return undefined;
  }

  async skip(count: number): Promise<void> {
    this.#expect(count);
    let left = count;
    while (left > 0) {
      const passed = Math.min(left, (await this.peek(1)).length);
      this.advance(passed);
      left -= passed;
    }
  }

  /** A base-128 varint of at most ten bytes, as a number; one above 2^53 - 1 is damage. */
  async readVarint(): Promise<number> {
    const bytes = await this.peek(Math.min(10, this.remaining));
    let value = 0;
    for (let at = 0; at < 10 && at < bytes.length; at++) {
      const byte = bytes[at] as number;
      value += (byte & 0x7f) * 2 ** (7 * at);
      if (byte >= 0x80) continue;
      if (value > Number.MAX_SAFE_INTEGER) break;
      this.advance(at + 1);
      return value;
    }
    throw damagedCheckpoint(this.path, this.position, 'a number is too long or cut off');
  }

  #expect(count: number): void {
    if (count > this.remaining) {
      throw damagedCheckpoint(this.path, this.position, `${count} bytes were expected and ${this.remaining} are left`);
    }
  }

  async #fill(count: number): Promise<void> {
    this.#expect(count);
    const kept = this.#buffer.subarray(this.#from, this.#to);
    if (this.#buffer.length < count) {
      this.#buffer = new Uint8Array(Math.max(count, Math.min(bufferBytes, this.remaining)));
    }
    this.#buffer.set(kept);
    this.#from = 0;
    this.#to = kept.length;
    const wanted = Math.min(this.#buffer.length - kept.length, this.#end - this.#next);
    const fetched = this.#buffer.subarray(kept.length, kept.length + wanted);
    await this.#fetch(fetched);
    this.#to += wanted;
  }

  async #readOn(into: Uint8Array): Promise<void> {
    this.#expect(into.length);
    const head = this.#buffered;
    into.set(this.#buffer.subarray(this.#from, this.#to));
    this.#from = this.#to;
    const rest = into.subarray(head);
    if (rest.length >= directBytes) {
      await this.#fetch(rest);
    } else {
      rest.set((await this.peek(rest.length)).subarray(0, rest.length));
      this.advance(rest.length);
    }
  }

  async #fetch(into: Uint8Array): Promise<void> {
    let piece = into.subarray(0, pieceBytes);
    let reading = this.#source.read(this.#next, piece);
    for (let done = 0; done < into.length; ) {
      await reading;
      const arrived = piece;
      done += arrived.length;
      this.#next += arrived.length;
      piece = into.subarray(done, done + pieceBytes);
      if (piece.length > 0) reading = this.#source.read(this.#next, piece);
      this.#crc?.update(arrived);
    }
  }
}
