import { type CheckpointError, dtypeBytes, formatShape, type Shape, safeElementCount } from '@graftjs/core';
import { type ElementType, elementTypeOf, type TypedField } from './element-types.js';
import { type WireField, type WireScanner, wireType } from './wire-scanner.js';

/** A run of a file's bytes. */
export interface Piece {
  readonly start: number;
  readonly end: number;
}

/** A tensor of a file: all of it but the values. */
export interface StoredTensor {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: Shape;
  /**
   * Where the values are: `fixed` as the little-endian, row-major bytes that they are in memory, `varints` one after the other,
   * `texts` one a piece, `external` where another file has them, as the tensor's own entries say (nothing of it is checked).
   */
  readonly values:
    | { readonly kind: 'fixed' | 'varints' | 'texts'; readonly pieces: readonly Piece[] }
    | { readonly kind: 'external'; readonly entries: ReadonlyMap<string, string> };
  /** The values, where they are few int64 or float32 in the file itself: such say what a network does with others. */
  readonly numbers?: readonly number[];
}

const mostNumbers = 64;
const mostPieces = 1000;
/** What a tensor and a piece count as held. */
const [tensorBytes, pieceBytes] = [512, 64];

const typedFields: ReadonlyMap<number, TypedField> = new Map([
  [4, 'float'],
  [5, 'int32'],
  [7, 'int64'],
  [10, 'double'],
  [11, 'uint64'],
]);
const elementWireTypes: Readonly<Record<TypedField, WireField['type']>> = {
  float: wireType.fixed32,
  double: wireType.fixed64,
  int32: wireType.varint,
  int64: wireType.varint,
  uint64: wireType.varint,
};

/** What a `TensorProto` says, as it comes. */
interface Parts {
  name: string;
  type: ElementType;
  readonly shape: number[];
  /** Values by the field that has them. */
  readonly values: Map<TypedField | 'raw' | 'texts', Piece[]>;
  readonly entries: Map<string, string>;
  isExternal: boolean;
}

function addValues(scanner: WireScanner, parts: Parts, source: TypedField | 'raw' | 'texts', field: WireField): void {
  const single = source === 'raw' || source === 'texts' ? wireType.bytes : elementWireTypes[source];
  if (field.type !== wireType.bytes && field.type !== single) {
    throw scanner.fail(`field ${field.number} is of the wire type ${field.type}, and ${single} is its own`);
  }
  scanner.hold(pieceBytes);
  const pieces = parts.values.get(source) ?? [];
  if (source !== 'texts' && pieces.length === mostPieces) {
    throw scanner.fail(`the values of a tensor are in more than ${mostPieces} pieces, as no known writer leaves them`);
  }
  parts.values.set(source, pieces);
  pieces.push({ start: field.start, end: field.end });
}

/** Reads a `StringStringEntryProto`. */
export async function readEntry(scanner: WireScanner, field: WireField, into: Map<string, string>): Promise<void> {
  let [key, value] = ['', ''];
  for (const part of await scanner.fieldsOf(field)) {
    if (part.number === 1) key = await scanner.text(part);
    if (part.number === 2) value = await scanner.text(part);
  }
  if (into.has(key)) throw scanner.fail(`'${key}' is there twice`);
  into.set(key, value);
}

/** Takes in one field of a `TensorProto` beside those of typed values. */
async function readPart(scanner: WireScanner, parts: Parts, field: WireField): Promise<void> {
  switch (field.number) {
    case 1:
      return scanner.integers(field, parts.shape);
    case 2:
      parts.type = elementTypeOf(await scanner.integer(field));
      return;
    case 3:
      throw scanner.fail('a tensor is a segment of a larger one, which no known writer leaves');
    case 6:
      return addValues(scanner, parts, 'texts', field);
    case 8:
      parts.name = await scanner.text(field);
      return;
    case 9:
      return addValues(scanner, parts, 'raw', field);
    case 13:
      return readEntry(scanner, field, parts.entries);
    case 14:
      parts.isExternal = (await scanner.integer(field)) === 1;
  }
}

async function readParts(scanner: WireScanner, message: WireField): Promise<Parts> {
  const parts: Parts = {
    name: '',
    type: elementTypeOf(0),
    shape: [],
    values: new Map(),
    entries: new Map(),
    isExternal: false,
  };
  for (const field of await scanner.fieldsOf(message)) {
    const typed = typedFields.get(field.number);
    if (typed) addValues(scanner, parts, typed, field);
    else await readPart(scanner, parts, field);
  }
  return parts;
}

/** The values that there are, as many as the shape says. */
function valuesOf({ type, shape, values, entries, isExternal }: Parts, fail: (problem: string) => CheckpointError) {
  if (isExternal) {
    if (values.size > 0) throw fail('has its values here and in another file');
    return { kind: 'external', entries } as const;
  }
  const count = safeElementCount(shape);
  if (count === undefined) throw fail('cannot be of that shape');
  const [[source, pieces] = ['raw', []] as const, ...others] = values;
  if (others.length > 0) throw fail(`has its values twice, as ${[...values.keys()].join(' and ')}`);
  const bytes = pieces.reduce((sum, { start, end }) => sum + end - start, 0);
  const { dtype, field } = type;
  if (dtype === undefined) return { kind: 'fixed', pieces } as const;
  if (dtype === 'string') {
    if (source !== 'texts' && count > 0) throw fail('has no texts');
    if (pieces.length !== count) throw fail(`has ${pieces.length} texts`);
    return { kind: 'texts', pieces } as const;
  }
  if (source !== 'raw' && source !== field) throw fail(`has its values as ${source}`);
  if (source !== 'raw' && elementWireTypes[source] === wireType.varint) {
    if (bytes < count) throw fail(`has ${bytes} bytes for its values`);
    return { kind: 'varints', pieces } as const;
  }
  if (bytes !== count * dtypeBytes[dtype]) throw fail(`has ${bytes} bytes`);
  return { kind: 'fixed', pieces } as const;
}

/** Values that are few, for those who have to know them. */
async function readNumbers(
  scanner: WireScanner,
  { type: { dtype }, shape, values }: StoredTensor,
): Promise<number[] | undefined> {
  const count = safeElementCount(shape);
  if (count === undefined || count > mostNumbers || values.kind === 'external' || values.kind === 'texts') return;
  if (dtype !== 'int64' && dtype !== 'float32') return;
  const numbers: number[] = [];
  for (const { start, end } of values.pieces) {
    const field = { number: 0, type: wireType.bytes, start, end };
    if (values.kind === 'varints') {
      await scanner.integers(field, numbers);
      continue;
    }
    const { buffer, byteLength } = await scanner.take(field);
    const view = new DataView(buffer);
    const size = dtypeBytes[dtype];
    for (let at = 0; at + size <= byteLength; at += size) {
      numbers.push(dtype === 'int64' ? Number(view.getBigInt64(at, true)) : view.getFloat32(at, true));
    }
  }
  return numbers.length === count ? numbers : undefined;
}

/**
 * Reads a `TensorProto`, of its values only where they are, and checks that they are as many as its shape says.
 * @param name what it is called where it does not say itself
 */
export async function readTensor(scanner: WireScanner, message: WireField, name?: string): Promise<StoredTensor> {
  scanner.hold(tensorBytes);
  const parts = await readParts(scanner, message);
  const { type, shape } = parts;
  const called = name ?? parts.name;
  const values = valuesOf(parts, (problem) =>
    scanner.fail(`'${called}' is ${type.name} ${formatShape(shape)}, and ${problem}`),
  );
  const tensor: StoredTensor = { name: called, type, shape, values };
  const numbers = await readNumbers(scanner, tensor);
  return numbers ? { ...tensor, numbers } : tensor;
}
