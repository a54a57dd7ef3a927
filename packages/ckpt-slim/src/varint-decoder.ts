import { dtypeBytes } from '@graftjs/core';
import type { SizedDType } from './element-type.js';

/**
 * Turns base-128 varints, as protocol buffers hold a list of integers, into little-endian elements. As TensorFlow does,
 * it takes the low bytes of a number for a type narrower than it; for `bool`, any number but 0 is true.
 */
export class VarintDecoder {
  /** How many bytes the last `decode` took and gave. */
  consumed = 0;
  written = 0;
  readonly #width: number;
  readonly #bool: boolean;

  constructor(dtype: SizedDType) {
    this.#width = dtypeBytes[dtype];
    this.#bool = dtype === 'bool';
  }

  /** Decodes until `encoded` has no further whole number or `into` is full. */
  decode(encoded: Uint8Array, into: Uint8Array): void {
    const view = new DataView(into.buffer, into.byteOffset, into.length);
    const width = this.#width;
    const end = encoded.length;
    const full = into.length;
    let at = 0;
    let to = 0;
    let start = 0;
    for (; to < full; to += width, start = at) {
      let low = 0;
      let high = 0;
      let shift = 0;
      let byte = 0x80;
      while (byte >= 0x80 && at < end && shift < 70) {
        byte = encoded[at++] as number;
        const bits = byte & 0x7f;
        if (shift < 28) low |= bits << shift;
        else if (shift > 28) high |= bits << (shift - 32);
        else {
          low |= bits << 28;
          high = bits >>> 4;
        }
        shift += 7;
      }
      if (byte >= 0x80) break;
      if (this.#bool) into[to] = (low | high) === 0 ? 0 : 1;
      else if (width === 1) into[to] = low;
      else if (width === 2) view.setInt16(to, low, true);
      else {
        view.setInt32(to, low, true);
        if (width === 8) view.setInt32(to + 4, high, true);
      }
    }
    this.consumed = start;
    this.written = to;
  }
}
