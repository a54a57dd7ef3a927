import { damagedCheckpoint, type ReadableFile } from '@graftjs/core';
import type { Piece } from './stored-tensor.js';

const chunkBytes = 1 << 16;
const mostVarintBytes = 10;
/** Where values go that are passed over. */
const passed = new Uint8Array(8);

/** The values of a tensor that are varints in the file: there is no way to one but through those before it. */
export class VarintValues {
  readonly #file: ReadableFile;
  readonly #name: string;
  readonly #pieces: readonly Piece[];
  /** Of the element that comes next. */
  #element = 0;
  #piece = 0;
  #at: number;
  readonly #chunk: Uint8Array;
  #chunkStart = 0;
  #chunkEnd = 0;
  /** What begins before this is in the chunk to its end. */
  #wholeEnd = 0;

  constructor(file: ReadableFile, name: string, pieces: readonly Piece[]) {
    this.#file = file;
    this.#name = name;
    this.#pieces = pieces;
    this.#chunk = new Uint8Array(Math.min(chunkBytes, Math.max(0, ...pieces.map(({ start, end }) => end - start))));
    this.#at = pieces[0]?.start ?? 0;
  }

  /**
   * Fills `into` with the elements from `first` on, of so many bytes each. Where it goes on after what was read before, that is
   * not read again.
   */
  async read(first: number, into: Uint8Array, elementBytes: number): Promise<void> {
    if (first < this.#element) {
      [this.#element, this.#piece, this.#wholeEnd] = [0, 0, 0];
      this.#at = this.#pieces[0]?.start ?? 0;
    }
    const last = first + into.length / elementBytes;
    for (; this.#element < last; this.#element++) {
      if (this.#at >= this.#wholeEnd && !(await this.#haveNext())) throw this.#fail('has too few values');
      const at = (this.#element - first) * elementBytes;
      if (at < 0) this.#next(passed, 0, elementBytes);
      else this.#next(into, at, elementBytes);
    }
  }

  /** Refuses what is left after the last element. */
  async end(): Promise<void> {
    if (await this.#haveNext()) throw this.#fail('has too many values');
  }

  #fail(problem: string) {
    return damagedCheckpoint(this.#file.path, this.#at, `'${this.#name}' ${problem}`);
  }

  /** Has the next value in the chunk, if there is one. */
  async #haveNext(): Promise<boolean> {
    let piece = this.#pieces[this.#piece];
    while (piece && this.#at >= piece.end) {
      piece = this.#pieces[++this.#piece];
      this.#at = piece?.start ?? 0;
    }
    if (!piece) return false;
    if (this.#at < this.#chunkStart || this.#at + Math.min(mostVarintBytes, piece.end - this.#at) > this.#chunkEnd) {
      const bytes = Math.min(chunkBytes, piece.end - this.#at);
      await this.#file.read(this.#at, this.#chunk.subarray(0, bytes));
      [this.#chunkStart, this.#chunkEnd] = [this.#at, this.#at + bytes];
    }
    this.#wholeEnd = Math.min(this.#chunkEnd, piece.end) - mostVarintBytes + 1;
    return true;
  }

  /** Puts the low bytes of the next value into `into`. */
  #next(into: Uint8Array, start: number, bytes: number): void {
    into.fill(0, start, start + bytes);
    const end = Math.min(this.#pieces[this.#piece]!.end, this.#at + mostVarintBytes);
    for (let bit = 0; this.#at < end; bit += 7) {
      const byte = this.#chunk[this.#at++ - this.#chunkStart]!;
      const place = bit >> 3;
      const bits = (byte & 0x7f) << (bit & 7);
      if (place < bytes) into[start + place]! |= bits;
      if (place + 1 < bytes) into[start + place + 1]! |= bits >> 8;
      if (byte < 0x80) return;
    }
    throw this.#fail('has a number without an end');
  }
}
