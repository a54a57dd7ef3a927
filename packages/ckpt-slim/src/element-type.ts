import type { DType } from '@graftjs/core';

/** An element type of fixed size. */
export type SizedDType = Exclude<DType, 'string'>;

/** How a TensorProto, and so a V1 checkpoint, holds elements of a type (tensorflow/core/framework/tensor.proto). */
export interface ProtoField {
  /** The number of the repeated field. */
  readonly number: number;
  /** `varint` one base-128 number an element, `bytes` one string an element, otherwise as in memory. */
  readonly kind: 'fixed32' | 'fixed64' | 'varint' | 'bytes';
  /** TensorFlow's bound for one element in this field, by which it refuses a slice (tensor_slice_writer.cc). */
  readonly mostBytes: number;
}

/** One of TensorFlow's element types. */
export interface ElementType {
  readonly dtype: DType;
  /** Its number in TensorFlow's enum `DataType`. */
  readonly code: number;
  /** Absent where TensorFlow has no V1 form of it. */
  readonly field?: ProtoField;
}

const elementTypes: readonly ElementType[] = [
  { dtype: 'float32', code: 1, field: { number: 5, kind: 'fixed32', mostBytes: 4 } },
  { dtype: 'float64', code: 2, field: { number: 6, kind: 'fixed64', mostBytes: 8 } },
  { dtype: 'int32', code: 3, field: { number: 7, kind: 'varint', mostBytes: 10 } },
  { dtype: 'uint8', code: 4, field: { number: 7, kind: 'varint', mostBytes: 2 } },
  { dtype: 'int16', code: 5, field: { number: 7, kind: 'varint', mostBytes: 10 } },
  { dtype: 'int8', code: 6, field: { number: 7, kind: 'varint', mostBytes: 10 } },
  { dtype: 'string', code: 7, field: { number: 8, kind: 'bytes', mostBytes: 10 } },
  { dtype: 'complex64', code: 8, field: { number: 9, kind: 'fixed32', mostBytes: 8 } },
  { dtype: 'int64', code: 9, field: { number: 10, kind: 'varint', mostBytes: 10 } },
  { dtype: 'bool', code: 10, field: { number: 11, kind: 'varint', mostBytes: 1 } },
  { dtype: 'qint8', code: 11, field: { number: 7, kind: 'varint', mostBytes: 10 } },
  { dtype: 'quint8', code: 12, field: { number: 7, kind: 'varint', mostBytes: 2 } },
  { dtype: 'qint32', code: 13, field: { number: 7, kind: 'varint', mostBytes: 10 } },
  { dtype: 'bfloat16', code: 14 },
  { dtype: 'qint16', code: 15 },
  { dtype: 'quint16', code: 16 },
  { dtype: 'uint16', code: 17, field: { number: 7, kind: 'varint', mostBytes: 3 } },
  { dtype: 'complex128', code: 18, field: { number: 12, kind: 'fixed64', mostBytes: 16 } },
  { dtype: 'float16', code: 19, field: { number: 13, kind: 'varint', mostBytes: 3 } },
  { dtype: 'uint32', code: 22 },
  { dtype: 'uint64', code: 23 },
];

const byCode = new Map(elementTypes.map((type) => [type.code, type]));
const byDType = new Map(elementTypes.map((type) => [type.dtype, type]));

/** The element type of a `DataType` number; undefined for one that is no tensor of values (variant, resource) or newer. */
export function elementTypeOfCode(code: number): ElementType | undefined {
  return byCode.get(code);
}

export function elementTypeOf(dtype: DType): ElementType {
  return byDType.get(dtype) as ElementType;
}
