import type { TensorSlice } from './tensor-slice.js';

/**
 * The key of a slice of a variable: TensorFlow's ordered code (tensorflow/core/lib/strings/ordered_code.cc) of 0, the
 * name, the number of axes, then start and length along each, so that keys sort as names and places do.
 */
export function encodeSliceKey(name: string, slice: TensorSlice): Uint8Array {
  const key: number[] = [];
  writeNumber(key, 0);
  writeString(key, new TextEncoder().encode(name));
  writeNumber(key, slice.starts.length);
  slice.starts.forEach((start, axis) => {
    writeSignedNumber(key, start);
    writeSignedNumber(key, slice.lengths[axis] as number);
  });
  return Uint8Array.from(key);
}

/** A count byte, then that many bytes, the highest first. */
function writeNumber(into: number[], value: number): void {
  const bytes: number[] = [];
  for (let left = value; left > 0; left = Math.floor(left / 256)) bytes.unshift(left % 256);
  into.push(bytes.length, ...bytes);
}

/** The bytes, with 0 and 255 escaped, then a separator that sorts below each of them. */
function writeString(into: number[], bytes: Uint8Array): void {
  for (const byte of bytes) {
    into.push(byte);
    if (byte === 0) into.push(0xff);
    else if (byte === 0xff) into.push(0);
  }
  into.push(0, 1);
}

/**
 * Two's complement, the highest byte first, of 7 bits for each of the `size` bytes. The top `size` bits are flipped, so
 * that they give the length and negative numbers sort first: ones for a number from 0 on, zeros for one below.
 */
function writeSignedNumber(into: number[], value: number): void {
  let size = 1;
  while (value < -(2 ** (7 * size - 1)) || value >= 2 ** (7 * size - 1)) size++;
  const code = BigInt.asUintN(8 * size, BigInt(value)) ^ (((1n << BigInt(size)) - 1n) << BigInt(7 * size));
  for (let at = size - 1; at >= 0; at--) into.push(Number((code >> BigInt(8 * at)) & 0xffn));
}
