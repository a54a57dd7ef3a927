import type { DType } from '@graftjs/core';

/** The field of `TensorProto` that has values of a type where they are not raw. */
export type TypedField = 'float' | 'int32' | 'int64' | 'double' | 'uint64';

/** An element type of the format. */
export interface ElementType {
  /** As the format names it. */
  readonly name: string;
  /** Absent where Graft has no such type. */
  readonly dtype?: DType;
  /** Where its values are if they are neither raw nor texts. */
  readonly field?: TypedField;
}

/** By ONNX's numbers (`TensorProto.DataType`): 1 is the first. */
const types: readonly ElementType[] = [
  { name: 'FLOAT', dtype: 'float32', field: 'float' },
  { name: 'UINT8', dtype: 'uint8', field: 'int32' },
  { name: 'INT8', dtype: 'int8', field: 'int32' },
  { name: 'UINT16', dtype: 'uint16', field: 'int32' },
  { name: 'INT16', dtype: 'int16', field: 'int32' },
  { name: 'INT32', dtype: 'int32', field: 'int32' },
  { name: 'INT64', dtype: 'int64', field: 'int64' },
  { name: 'STRING', dtype: 'string' },
  { name: 'BOOL', dtype: 'bool', field: 'int32' },
  { name: 'FLOAT16', dtype: 'float16', field: 'int32' },
  { name: 'DOUBLE', dtype: 'float64', field: 'double' },
  { name: 'UINT32', dtype: 'uint32', field: 'uint64' },
  { name: 'UINT64', dtype: 'uint64', field: 'uint64' },
  { name: 'COMPLEX64', dtype: 'complex64', field: 'float' },
  { name: 'COMPLEX128', dtype: 'complex128', field: 'double' },
  { name: 'BFLOAT16', dtype: 'bfloat16', field: 'int32' },
];

/** The type of a number; floats of 8 bits and less and whole numbers of 4 and 2 have the number for a name. */
export function elementTypeOf(number: number): ElementType {
  return types[number - 1] ?? { name: `number ${number}` };
}

/** `TensorProto.DataType.UINT8`. */
export const uint8Number = 2;
