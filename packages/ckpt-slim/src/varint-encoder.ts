import { dtypeBytes } from '@graftjs/core';
import type { SizedDType } from './element-type.js';

const pieceBytes = 1 << 16;
const unsigned: ReadonlySet<SizedDType> = new Set([
  'bool',
  'uint8',
  'uint16',
  'uint32',
  'uint64',
  'quint8',
  'quint16',
  'float16',
]);

/** Turns little-endian elements into base-128 varints, negative numbers as ten bytes, as protocol buffers do. */
export class VarintEncoder {
  readonly #view: DataView;
  readonly #width: number;
  readonly #signed: boolean;

  constructor(elements: Uint8Array, dtype: SizedDType) {
    this.#view = new DataView(elements.buffer, elements.byteOffset, elements.length);
    this.#width = dtypeBytes[dtype];
    this.#signed = !unsigned.has(dtype);
  }

  /** Bytes of all varints together. */
  get encodedBytes(): number {
    let bytes = 0;
    for (let at = 0; at < this.#view.byteLength; at += this.#width) {
      const low = this.#low(at);
      let high = this.#high(at, low);
      let rest = low;
      do {
        bytes++;
        rest = (rest >>> 7) | (high << 25);
        high >>>= 7;
      } while ((rest | high) !== 0);
    }
    return bytes;
  }

  /** The varints, in pieces; each is overwritten once the next is asked for. */
  *encode(): Generator<Uint8Array> {
    const piece = new Uint8Array(pieceBytes);
    let to = 0;
    for (let at = 0; at < this.#view.byteLength; at += this.#width) {
      if (to > pieceBytes - 10) {
        yield piece.subarray(0, to);
        to = 0;
      }
      let low = this.#low(at);
      let high = this.#high(at, low);
      while (high !== 0 || low >>> 7 !== 0) {
        piece[to++] = (low & 0x7f) | 0x80;
        low = (low >>> 7) | (high << 25);
        high >>>= 7;
      }
      piece[to++] = low;
    }
    if (to > 0) yield piece.subarray(0, to);
  }

  /** The lower 32 bits of the element at a position, as a 64-bit number. */
  #low(at: number): number {
    if (this.#width === 1) return this.#signed ? this.#view.getInt8(at) : this.#view.getUint8(at);
    if (this.#width === 2) return this.#signed ? this.#view.getInt16(at, true) : this.#view.getUint16(at, true);
    return this.#view.getInt32(at, true);
  }

  #high(at: number, low: number): number {
    if (this.#width === 8) return this.#view.getInt32(at + 4, true);
    return this.#signed && low < 0 ? -1 : 0;
  }
}
