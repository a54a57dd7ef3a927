import { float16ToFloat32 } from '@graftjs/core';
import type { Quantization } from './model-json.js';

/** Bytes of one stored element. */
export const quantizedBytes = { uint8: 1, uint16: 2, float16: 2 } as const;

/** Bytes of one element of the types that are quantized, float32 and int32. */
export const valueBytes = 4;

/**
 * The values that were quantized, with tfjs's own arithmetic: in float64, then rounded to the type.
 * @returns little-endian, four bytes for each element
 */
export function dequantize(bytes: Uint8Array, quantization: Quantization, dtype: 'float32' | 'int32'): Uint8Array {
  const count = bytes.length / quantizedBytes[quantization.dtype];
  const values = dtype === 'float32' ? new Float32Array(count) : new Int32Array(count);
  if (quantization.dtype === 'float16') float16ToFloat32(bytes, values as Float32Array);
  else {
    const { scale, min } = quantization;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let i = 0; i < count; i++) {
      const stored = quantization.dtype === 'uint8' ? view.getUint8(i) : view.getUint16(2 * i, true);
      const value = stored * scale + min;
      values[i] = dtype === 'float32' ? value : Math.round(value);
    }
  }
  return new Uint8Array(values.buffer);
}
