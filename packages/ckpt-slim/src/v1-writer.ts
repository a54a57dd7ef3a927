import {
  CheckpointError,
  elementCount,
  type FileSystem,
  formatShape,
  guardCheckpoint,
  sourceBytes,
  sourceStrings,
  type TensorSource,
} from '@graftjs/core';
import protobuf from 'protobufjs/minimal.js';
import { indexPath } from './checkpoint-location.js';
import { type ElementType, elementTypeOf, type ProtoField, type SizedDType } from './element-type.js';
import { encodeSavedTensorSliceMeta, encodeSlice, fieldTag, wireType } from './messages.js';
import { encodeSliceKey } from './ordered-code.js';
import { compareBytes } from './table-block.js';
import { TableWriter } from './table-writer.js';
import { wholeSlice } from './tensor-slice.js';
import { checkedSources } from './tensors-to-write.js';
import { VarintEncoder } from './varint-encoder.js';

/** TensorFlow's limit for the message that holds one slice, and what it allows for headers (tensor_slice_writer.h). */
const mostMessageBytes = 2 ** 31;
const headerBytes = 1 << 10;
/** Bytes are handed on in pieces of this size, so that a large variable does not hold up everything else. */
const pieceBytes = 1 << 22;

/** The elements of a variable as a TensorProto holds them. */
interface EncodedTensor {
  readonly bytes: number;
  readonly pieces: Iterable<Uint8Array>;
}

/**
 * Writes a V1 checkpoint: one table, each variable whole.
 * @throws CheckpointError `checkpoint/unsupported-type` for types that TensorFlow's V1 does not have, `checkpoint/too-large`
 * for a variable that TensorFlow would refuse, `checkpoint/bad-prefix` also where a V2 checkpoint has that prefix
 */
export function writeV1(path: string, tensors: Iterable<TensorSource>, files: FileSystem): Promise<void> {
  return guardCheckpoint(path, async () => {
    const sources = await checkedSources(path, tensors, files);
    if ((await files.stat(indexPath(path))) !== undefined) throw hidden(path);
    const keyed = sources.map((source) => {
      const type = elementTypeOf(source.dtype);
      if (type.field === undefined) throw unsupported(path, source);
      const key = encodeSliceKey(source.name, wholeSlice(source.shape.length));
      return { key, source, type };
    });
    keyed.sort((a, b) => compareBytes(a.key, b.key));
    await files.write(path, writeTable(path, keyed));
  });
}

function hidden(path: string): CheckpointError {
  return new CheckpointError(
    'checkpoint/bad-prefix',
    `${indexPath(path)} is there, and under one name V2 is read before V1: take another prefix or remove that checkpoint.`,
    { details: { prefix: path } },
  );
}

function unsupported(path: string, { name, dtype }: TensorSource): CheckpointError {
  return new CheckpointError(
    'checkpoint/unsupported-type',
    `'${name}' cannot be written to ${path}: TensorFlow's V1 checkpoints have no ${dtype}. Write it as slim-v2.`,
    { details: { path, name, dtype } },
  );
}

async function* writeTable(
  path: string,
  keyed: readonly { key: Uint8Array; source: TensorSource; type: ElementType }[],
): AsyncGenerator<Uint8Array> {
  const table = new TableWriter();
  const meta = encodeSavedTensorSliceMeta(
    keyed.map(({ source: { name, shape }, type }) => {
      return { name, shape, type: type.code, slices: [wholeSlice(shape.length)] };
    }),
  );
  yield* table.add(new Uint8Array(), meta.length, [meta]);
  for (const { key, source, type } of keyed) {
    const field = type.field as ProtoField;
    const tensor = await (field.kind === 'bytes' ? encodeStrings : encodeNumbers)(path, source, field);
    const opening = encodeOpening(source, tensor.bytes);
    yield* table.add(key, opening.length + tensor.bytes, join(opening, tensor.pieces));
  }
  yield* table.finish();
}

/** A SavedTensorSlices message up to its TensorProto. */
function encodeOpening({ name, shape }: TensorSource, tensorBytes: number): Uint8Array {
  const slice = protobuf.Writer.create().uint32(fieldTag(1, wireType.bytes)).string(name);
  encodeSlice(slice.uint32(fieldTag(2, wireType.bytes)).fork(), wholeSlice(shape.length)).ldelim();
  const sliceOpening = slice.uint32(fieldTag(3, wireType.bytes)).uint32(tensorBytes).finish();
  const writer = protobuf.Writer.create().uint32(fieldTag(2, wireType.bytes));
  const messageOpening = writer.uint32(sliceOpening.length + tensorBytes).finish();
  const opening = new Uint8Array(messageOpening.length + sliceOpening.length);
  opening.set(messageOpening);
  opening.set(sliceOpening, messageOpening.length);
  return opening;
}

async function encodeNumbers(path: string, source: TensorSource, field: ProtoField): Promise<EncodedTensor> {
  expectSize(path, source, field.mostBytes * elementCount(source.shape));
  const elements = await sourceBytes(source);
  if (elements.length === 0) return { bytes: 0, pieces: [] };
  const encoder = field.kind === 'varint' ? new VarintEncoder(elements, source.dtype as SizedDType) : undefined;
  const bytes = encoder?.encodedBytes ?? elements.length;
  const opening = protobuf.Writer.create().uint32(fieldTag(field.number, wireType.bytes)).uint32(bytes).finish();
  return { bytes: opening.length + bytes, pieces: join(opening, encoder?.encode() ?? cut(elements)) };
}

async function encodeStrings(path: string, source: TensorSource, field: ProtoField): Promise<EncodedTensor> {
  const strings = await sourceStrings(source);
  expectSize(
    path,
    source,
    strings.reduce((sum, { length }) => sum + length + field.mostBytes, 0),
  );
  const writer = protobuf.Writer.create();
  for (const string of strings) writer.uint32(fieldTag(field.number, wireType.bytes)).bytes(string);
  const encoded = writer.finish();
  return { bytes: encoded.length, pieces: [encoded] };
}

function expectSize(path: string, { name, dtype, shape }: TensorSource, elementBytes: number): void {
  const bytes = new TextEncoder().encode(name).length + headerBytes + elementBytes;
  if (bytes <= mostMessageBytes) return;
  throw new CheckpointError(
    'checkpoint/too-large',
    `'${name}' (${dtype} ${formatShape(shape)}) cannot be written to ${path}: V1 takes ${mostMessageBytes} bytes a variable, ` +
      `and this may need ${bytes}. Write it as slim-v2.`,
    { details: { path, name, dtype, shape, received: bytes, accepted: mostMessageBytes } },
  );
}

function* join(first: Uint8Array, rest: Iterable<Uint8Array>): Generator<Uint8Array> {
  yield first;
  yield* rest;
}

function* cut(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}
