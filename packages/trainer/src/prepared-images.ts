import type { MaskedValues } from '@graftjs/core';

/**
 * Images as a network takes them, `size * size * 3` bytes each, one after the other; and after all of them their masks, if
 * they have any, of `size * size` bytes each. It is one buffer, which a thread hands over at once.
 */
export class PreparedImages {
  /** All of it. */
  readonly bytes: Uint8Array;
  readonly inputs: Uint8Array;
  /** Empty where the images have none. */
  readonly masks: Uint8Array;
  readonly masked: boolean;
  readonly #pixels: number;
  readonly #rounded: Uint8ClampedArray;

  /** @param bytes what another of the same form has as its `bytes`; default: room for that */
  constructor(
    count: number,
    size: number,
    masked: boolean,
    bytes: Uint8Array = new Uint8Array(count * size * size * (masked ? 4 : 3)),
  ) {
    const end = count * size * size * 3;
    this.bytes = bytes;
    this.inputs = bytes.subarray(0, end);
    this.masks = bytes.subarray(end);
    this.masked = masked;
    this.#pixels = size * size;
    // Clamped arrays round as TensorFlow does: to the nearest, halves to the even one.
    this.#rounded = new Uint8ClampedArray(bytes.buffer, bytes.byteOffset, end);
  }

  /** Takes what a preprocessing made of the image at `place`. */
  put(place: number, prepared: Float32Array | MaskedValues): void {
    const values = 'mask' in prepared ? prepared.values : prepared;
    this.#rounded.set(values, place * this.#pixels * 3);
    if ('mask' in prepared) this.masks.set(prepared.mask, place * this.#pixels);
  }

  /** Copies `count` images of another, from `start` on, to `place` and those after it. */
  copy(from: PreparedImages, start: number, count: number, place: number): void {
    const pixels = this.#pixels;
    this.inputs.set(from.inputs.subarray(start * pixels * 3, (start + count) * pixels * 3), place * pixels * 3);
    if (!this.masked) return;
    this.masks.set(from.masks.subarray(start * pixels, (start + count) * pixels), place * pixels);
  }
}
