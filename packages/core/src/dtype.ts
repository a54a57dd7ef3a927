/** Bytes of one element, by numpy's name of its type; `string` elements have no fixed size. */
export const dtypeBytes = {
  bool: 1,
  int8: 1,
  uint8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  int64: 8,
  uint64: 8,
  float16: 2,
  bfloat16: 2,
  float32: 4,
  float64: 8,
  complex64: 8,
  complex128: 16,
  qint8: 1,
  quint8: 1,
  qint16: 2,
  quint16: 2,
  qint32: 4,
} as const;

/** An element type by its numpy name (`bfloat16` and the quantized ones by TensorFlow's). */
export type DType = keyof typeof dtypeBytes | 'string';

/** Sizes along each axis, outermost first; `[]` is a scalar. */
export type Shape = readonly number[];

/** The number of elements of a shape: 1 for a scalar. */
export function elementCount(shape: Shape): number {
  let count = 1;
  for (const size of shape) count *= size;
  return count;
}

/** TensorFlow's limit on the number of axes (tensorflow/core/framework/tensor_shape.h), the largest of any framework. */
const mostAxes = 254;

/** The number of elements, undefined where the shape cannot be: a size that is no count, or more than 2^53 - 1 in all. */
export function safeElementCount(shape: readonly number[]): number | undefined {
  if (shape.length > mostAxes || !shape.every((size) => Number.isSafeInteger(size) && size >= 0)) return undefined;
  const count = elementCount(shape);
  return Number.isSafeInteger(count) ? count : undefined;
}

/** `[3, 3, 64]` as `3x3x64`, a scalar as `scalar`: for messages and tables. */
export function formatShape(shape: Shape): string {
  return shape.length === 0 ? 'scalar' : shape.join('x');
}

/** True where both have the same number of axes and the same size along each. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}
