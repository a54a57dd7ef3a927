/**
 * The lengths of strings as the checksum of a V2 checkpoint counts them: little-endian, 32 bits each, 64 for a length
 * above 2^32 - 1 (tensorflow/core/util/tensor_bundle/tensor_bundle.cc).
 */
export function encodeLengths(lengths: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(8 * lengths.length));
  let bytes = 0;
  for (const length of lengths) {
    view.setUint32(bytes, length % 2 ** 32, true);
    bytes += 4;
    if (length < 2 ** 32) continue;
    view.setUint32(bytes, Math.floor(length / 2 ** 32), true);
    bytes += 4;
  }
  return new Uint8Array(view.buffer, 0, bytes);
}
