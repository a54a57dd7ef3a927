import type { Shape } from '@graftjs/core';
import protobuf from 'protobufjs/minimal.js';
import type { TensorSlice } from './tensor-slice.js';

/** The version of both forms of checkpoint that TensorFlow writes and reads (TF_CHECKPOINT_VERSION, kTensorBundleVersion). */
const formatVersion = 1;
/** More than any checkpoint has; a bound on what a small hostile file can make of itself in memory. */
export const mostEntries = 1_000_000;

/** tensorflow/core/util/saved_tensor_slice.proto: SavedSliceMeta. */
export interface SavedSliceMeta {
  readonly name: string;
  readonly shape: Shape;
  /** TensorFlow's `DataType`. */
  readonly type: number;
  readonly slices: readonly TensorSlice[];
}

/** tensorflow/core/protobuf/tensor_bundle.proto: BundleHeaderProto. */
export interface BundleHeader {
  readonly shards: number;
  readonly bigEndian: boolean;
}

/** tensorflow/core/protobuf/tensor_bundle.proto: BundleEntryProto. */
export interface BundleEntry {
  /** TensorFlow's `DataType`. */
  readonly type: number;
  readonly shape: Shape;
  readonly shard: number;
  readonly offset: number;
  readonly size: number;
  /** Masked CRC-32C of the bytes. */
  readonly crc: number;
  /** Of a variable that is kept in parts: the parts, each of which has an entry of its own. */
  readonly slices: readonly TensorSlice[];
}

/** The wire types of protocol buffers. */
export const wireType = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

export function fieldTag(field: number, type: number): number {
  return (field << 3) | type;
}

/** @throws Error where `bytes` are no such message */
export function decodeSavedTensorSliceMeta(bytes: Uint8Array): SavedSliceMeta[] {
  const tensors: SavedSliceMeta[] = [];
  let left = mostEntries;
  eachField(protobuf.Reader.create(bytes), (outer, tag) => {
    if (tag !== fieldTag(1, wireType.bytes)) return false;
    eachField(submessage(outer), (reader, inner) => {
      if (inner === fieldTag(1, wireType.bytes)) {
        const tensor = decodeSavedSliceMeta(submessage(reader), left);
        tensors.push(tensor);
        left -= 1 + tensor.slices.length;
        if (left < 0) throw new RangeError(`more than ${mostEntries} variables and slices`);
      } else if (inner === fieldTag(2, wireType.bytes)) {
        checkVersion(submessage(reader));
      } else return false;
      return true;
    });
    return true;
  });
  return tensors;
}

export function encodeSavedTensorSliceMeta(tensors: readonly SavedSliceMeta[]): Uint8Array {
  const writer = protobuf.Writer.create();
  writer.uint32(fieldTag(1, wireType.bytes)).fork();
  for (const { name, shape, type, slices } of tensors) {
    writer.uint32(fieldTag(1, wireType.bytes)).fork();
    writer.uint32(fieldTag(1, wireType.bytes)).string(name);
    encodeShape(writer.uint32(fieldTag(2, wireType.bytes)).fork(), shape).ldelim();
    writer.uint32(fieldTag(3, wireType.varint)).int32(type);
    for (const slice of slices) encodeSlice(writer.uint32(fieldTag(4, wireType.bytes)).fork(), slice).ldelim();
    writer.ldelim();
  }
  encodeVersion(writer.uint32(fieldTag(2, wireType.bytes)).fork()).ldelim();
  return writer.ldelim().finish();
}

/** @throws Error where `bytes` are no such message */
export function decodeBundleHeader(bytes: Uint8Array): BundleHeader {
  let shards = 0;
  let bigEndian = false;
  eachField(protobuf.Reader.create(bytes), (reader, tag) => {
    if (tag === fieldTag(1, wireType.varint)) shards = reader.int32();
    else if (tag === fieldTag(2, wireType.varint)) bigEndian = reader.int32() === 1;
    else if (tag === fieldTag(3, wireType.bytes)) checkVersion(submessage(reader));
    else return false;
    return true;
  });
  return { shards, bigEndian };
}

export function encodeBundleHeader(shards: number): Uint8Array {
  const writer = protobuf.Writer.create();
  writer.uint32(fieldTag(1, wireType.varint)).int32(shards);
  return encodeVersion(writer.uint32(fieldTag(3, wireType.bytes)).fork())
    .ldelim()
    .finish();
}

/** @throws Error where `bytes` are no such message */
export function decodeBundleEntry(bytes: Uint8Array): BundleEntry {
  const entry = { type: 0, shape: [] as Shape, shard: 0, offset: 0, size: 0, crc: 0, slices: [] as TensorSlice[] };
  eachField(protobuf.Reader.create(bytes), (reader, tag) => {
    if (tag === fieldTag(1, wireType.varint)) entry.type = reader.int32();
    else if (tag === fieldTag(2, wireType.bytes)) entry.shape = decodeShape(submessage(reader));
    else if (tag === fieldTag(3, wireType.varint)) entry.shard = reader.int32();
    else if (tag === fieldTag(4, wireType.varint)) entry.offset = Number(reader.int64());
    else if (tag === fieldTag(5, wireType.varint)) entry.size = Number(reader.int64());
    else if (tag === fieldTag(6, wireType.fixed32)) entry.crc = reader.fixed32();
    else if (tag === fieldTag(7, wireType.bytes)) entry.slices.push(decodeSlice(submessage(reader)));
    else return false;
    return true;
  });
  return entry;
}

/** For a variable that is kept whole. */
export function encodeBundleEntry({ type, shape, shard, offset, size, crc }: BundleEntry): Uint8Array {
  const writer = protobuf.Writer.create();
  writer.uint32(fieldTag(1, wireType.varint)).int32(type);
  encodeShape(writer.uint32(fieldTag(2, wireType.bytes)).fork(), shape).ldelim();
  if (shard !== 0) writer.uint32(fieldTag(3, wireType.varint)).int32(shard);
  if (offset !== 0) writer.uint32(fieldTag(4, wireType.varint)).int64(offset);
  if (size !== 0) writer.uint32(fieldTag(5, wireType.varint)).int64(size);
  if (crc !== 0) writer.uint32(fieldTag(6, wireType.fixed32)).fixed32(crc);
  return writer.finish();
}

function encodeShape(writer: protobuf.Writer, shape: Shape): protobuf.Writer {
  for (const size of shape) {
    writer.uint32(fieldTag(2, wireType.bytes)).fork();
    if (size !== 0) writer.uint32(fieldTag(1, wireType.varint)).int64(size);
    writer.ldelim();
  }
  return writer;
}

/** TensorSliceProto: an axis that is whole has neither start nor length. */
export function encodeSlice(writer: protobuf.Writer, slice: TensorSlice): protobuf.Writer {
  slice.starts.forEach((start, axis) => {
    const length = slice.lengths[axis] as number;
    writer.uint32(fieldTag(1, wireType.bytes)).fork();
    if (start !== 0) writer.uint32(fieldTag(1, wireType.varint)).int64(start);
    if (length !== -1) writer.uint32(fieldTag(2, wireType.varint)).int64(length);
    writer.ldelim();
  });
  return writer;
}

function decodeSavedSliceMeta(message: protobuf.Reader, mostSlices: number): SavedSliceMeta {
  const meta = { name: '', shape: [] as Shape, type: 0, slices: [] as TensorSlice[] };
  eachField(message, (reader, tag) => {
    if (tag === fieldTag(1, wireType.bytes))
      meta.name = new TextDecoder('utf-8', { fatal: true }).decode(reader.bytes());
    else if (tag === fieldTag(2, wireType.bytes)) meta.shape = decodeShape(submessage(reader));
    else if (tag === fieldTag(3, wireType.varint)) meta.type = reader.int32();
    else if (tag === fieldTag(4, wireType.bytes)) {
      if (meta.slices.length >= mostSlices) throw new RangeError(`more than ${mostEntries} variables and slices`);
      meta.slices.push(decodeSlice(submessage(reader)));
    } else return false;
    return true;
  });
  return meta;
}

function decodeShape(message: protobuf.Reader): Shape {
  const shape: number[] = [];
  eachField(message, (reader, tag) => {
    if (tag === fieldTag(2, wireType.bytes)) {
      let size = 0;
      eachField(submessage(reader), (dim, inner) => {
        if (inner !== fieldTag(1, wireType.varint)) return false;
        size = Number(dim.int64());
        return true;
      });
      shape.push(size);
    } else if (tag === fieldTag(3, wireType.varint)) {
      if (reader.bool()) throw new RangeError('a shape of unknown rank');
    } else return false;
    return true;
  });
  return shape;
}

function decodeSlice(message: protobuf.Reader): TensorSlice {
  const starts: number[] = [];
  const lengths: number[] = [];
  eachField(message, (reader, tag) => {
    if (tag !== fieldTag(1, wireType.bytes)) return false;
    let start = 0;
    let length = -1;
    eachField(submessage(reader), (extent, inner) => {
      if (inner === fieldTag(1, wireType.varint)) start = Number(extent.int64());
      else if (inner === fieldTag(2, wireType.varint)) length = Number(extent.int64());
      else return false;
      return true;
    });
    starts.push(start);
    lengths.push(length);
    return true;
  });
  return { starts, lengths };
}

/** VersionDef: which readers may read this. */
function checkVersion(message: protobuf.Reader): void {
  eachField(message, (reader, tag) => {
    if (tag !== fieldTag(2, wireType.varint)) return false;
    const least = reader.int32();
    if (least > formatVersion)
      throw new RangeError(`it asks for a reader of version ${least}; this is ${formatVersion}`);
    return true;
  });
}

function encodeVersion(writer: protobuf.Writer): protobuf.Writer {
  return writer.uint32(fieldTag(1, wireType.varint)).int32(formatVersion);
}

function submessage(reader: protobuf.Reader): protobuf.Reader {
  return protobuf.Reader.create(reader.bytes());
}

/** Hands each field to `take`, which reads its value or returns false to have it skipped. */
function eachField(reader: protobuf.Reader, take: (reader: protobuf.Reader, tag: number) => boolean): void {
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (!take(reader, tag)) reader.skipType(tag & 7);
  }
}
