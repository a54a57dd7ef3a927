import { type DType, dtypeBytes } from '@graftjs/core';

/** An element type of the format. */
export interface ElementType {
  /** As the format names it. */
  readonly name: string;
  readonly bits: number;
  /** Absent where Graft has no such type. */
  readonly dtype?: Exclude<DType, 'string'>;
}

const held = (name: string, dtype: Exclude<DType, 'string'>): ElementType => ({
  name,
  bits: 8 * dtypeBytes[dtype],
  dtype,
});
const foreign = (name: string, bits: number): ElementType => ({ name, bits });

/** All types, in the order of the reference implementation, whose writer puts the last of them first. */
export const elementTypes: readonly ElementType[] = [
  held('BOOL', 'bool'),
  foreign('F4', 4),
  foreign('F6_E2M3', 6),
  foreign('F6_E3M2', 6),
  held('U8', 'uint8'),
  held('I8', 'int8'),
  foreign('F8_E5M2', 8),
  foreign('F8_E4M3', 8),
  foreign('F8_E8M0', 8),
  foreign('F8_E4M3FNUZ', 8),
  foreign('F8_E5M2FNUZ', 8),
  held('I16', 'int16'),
  held('U16', 'uint16'),
  held('F16', 'float16'),
  held('BF16', 'bfloat16'),
  held('I32', 'int32'),
  held('U32', 'uint32'),
  held('F32', 'float32'),
  held('C64', 'complex64'),
  held('F64', 'float64'),
  held('I64', 'int64'),
  held('U64', 'uint64'),
];

export const typesByName: ReadonlyMap<string, ElementType> = new Map(elementTypes.map((type) => [type.name, type]));
