import { damagedCheckpoint } from '@graftjs/core';
import type { ElementType, ProtoField, SizedDType } from './element-type.js';
import { fieldTag, wireType } from './messages.js';
import type { TableValue } from './table-reader.js';
import type { SliceCursor } from './tensor-slice.js';
import { VarintDecoder } from './varint-decoder.js';

type Stream = TableValue['stream'];

/** Bytes that a TensorProto takes for one element at the least. */
export function leastBytes(field: ProtoField, elementBytes: number): number {
  return field.kind === 'varint' || field.kind === 'bytes' ? 1 : elementBytes;
}

/**
 * Reads the elements out of a record of a V1 checkpoint, a SavedTensorSlices message, straight to their places. The
 * record may be far larger than memory: it is decoded as it arrives, and only the repeated field of the type is kept.
 * @throws CheckpointError `checkpoint/damaged`, also where there are fewer or more elements than places
 */
export async function readElements(record: TableValue, type: ElementType, into: SliceCursor): Promise<void> {
  const field = type.field as ProtoField;
  const { stream } = record;
  await eachTensorProtoField(record, async (tag, end) => {
    if (tag >>> 3 !== field.number) return;
    if (field.kind === 'varint') await readVarints(stream, end, type, into);
    else await readFixed(stream, end, field, into);
  });
  if (into.piece.length > 0)
    throw damagedCheckpoint(stream.path, stream.position, 'elements are missing at the end of a slice');
}

/** As `readElements` for a variable of strings. */
export async function readStringElements(record: TableValue, type: ElementType, count: number): Promise<Uint8Array[]> {
  const { stream } = record;
  const strings: Uint8Array[] = [];
  await eachTensorProtoField(record, async (tag, end) => {
    if (tag !== fieldTag((type.field as ProtoField).number, wireType.bytes)) return;
    if (strings.length === count)
      throw damagedCheckpoint(stream.path, stream.position, `there are more than ${count} strings`);
    const bytes = end - stream.position;
    strings.push((await stream.peek(bytes)).slice(0, bytes));
    stream.advance(bytes);
  });
  if (strings.length < count) {
    throw damagedCheckpoint(
      stream.path,
      stream.position,
      `there are ${strings.length} strings where ${count} should be`,
    );
  }
  return strings;
}

/**
 * Walks SavedTensorSlices.data.data, the TensorProto of a record. `take` may read up to `end`, the position after the
 * field's value; what it leaves is skipped.
 */
async function eachTensorProtoField(
  { stream, length }: TableValue,
  take: (tag: number, end: number) => Promise<void>,
): Promise<void> {
  await eachField(stream, stream.position + length, async (outer, slicesEnd) => {
    if (outer !== fieldTag(2, wireType.bytes)) return;
    await eachField(stream, slicesEnd, async (inner, protoEnd) => {
      if (inner === fieldTag(3, wireType.bytes)) await eachField(stream, protoEnd, take);
    });
  });
}

async function eachField(
  stream: Stream,
  end: number,
  take: (tag: number, end: number) => Promise<void>,
): Promise<void> {
  while (stream.position < end) {
    const at = stream.position;
    const tag = await stream.readVarint();
    const valueEnd = await endOfValue(stream, tag & 7, at);
    if (valueEnd > end) throw damagedCheckpoint(stream.path, at, 'a field reaches beyond its message');
    await take(tag, valueEnd);
    await stream.skip(valueEnd - stream.position);
  }
}

/** Where the value of a field ends; the stream moves past the length of a length-delimited one. */
async function endOfValue(stream: Stream, type: number, at: number): Promise<number> {
  if (type === wireType.bytes) {
    const length = await stream.readVarint();
    return stream.position + length;
  }
  if (type === wireType.fixed32) return stream.position + 4;
  if (type === wireType.fixed64) return stream.position + 8;
  if (type !== wireType.varint) throw damagedCheckpoint(stream.path, at, `there is no wire type ${type}`);
  const next = await stream.peek(Math.min(10, stream.remaining));
  const last = next.subarray(0, 10).findIndex((byte) => byte < 0x80);
  if (last < 0) throw damagedCheckpoint(stream.path, at, 'a number is too long or cut off');
  return stream.position + last + 1;
}

async function readFixed(stream: Stream, end: number, field: ProtoField, into: SliceCursor): Promise<void> {
  const width = field.kind === 'fixed32' ? 4 : 8;
  if ((end - stream.position) % width !== 0) {
    throw damagedCheckpoint(stream.path, stream.position, `a list of ${width}-byte numbers is cut within one`);
  }
  while (stream.position < end) {
    const place = into.piece.subarray(0, end - stream.position);
    if (place.length === 0) throw damagedCheckpoint(stream.path, stream.position, 'a slice has too many elements');
    const pending = stream.read(place);
    if (pending !== undefined) await pending;
    into.advance(place.length);
  }
}

async function readVarints(stream: Stream, end: number, type: ElementType, into: SliceCursor): Promise<void> {
  const decoder = new VarintDecoder(type.dtype as SizedDType);
  while (stream.position < end) {
    const left = end - stream.position;
    const encoded = (await stream.peek(Math.min(left, 10))).subarray(0, left);
    const place = into.piece;
    if (place.length === 0) throw damagedCheckpoint(stream.path, stream.position, 'a slice has too many elements');
    decoder.decode(encoded, place);
    if (decoder.consumed === 0)
      throw damagedCheckpoint(stream.path, stream.position, 'a number is too long or cut off');
    stream.advance(decoder.consumed);
    into.advance(decoder.written);
  }
}
