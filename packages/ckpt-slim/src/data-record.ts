import type { ReadableFile } from '@graftjs/core';
import { damagedCheckpoint } from '@graftjs/core';
import protobuf from 'protobufjs/minimal.js';
import { ByteStream } from './byte-stream.js';
import { Crc32c } from './crc32c.js';
import type { SliceCursor } from './tensor-slice.js';

/** Bytes of a data file that an entry stands for. */
export interface DataRecord {
  readonly file: ReadableFile;
  readonly offset: number;
  readonly size: number;
  /** Masked CRC-32C of the bytes. */
  readonly crc: number;
}

/** Reads the elements of a variable or a slice to their places. */
export async function readElements(
  name: string,
  { file, offset, size, crc: stored }: DataRecord,
  into: SliceCursor,
): Promise<void> {
  const crc = await Crc32c.create();
  const stream = new ByteStream(file, offset, size, crc);
  for (let piece = into.piece; piece.length > 0; piece = into.piece) {
    const pending = stream.read(piece);
    if (pending !== undefined) await pending;
    into.advance(piece.length);
  }
  if (crc.masked !== stored)
    throw damagedCheckpoint(file.path, offset, `the checksum (CRC-32C) of '${name}' does not match`);
}

/**
 * Strings: the length of each as a varint, the masked CRC-32C of the lengths as 32-bit numbers (64 where one needs
 * them), the bytes of all. The entry's checksum is of the numbers, their checksum and the bytes.
 */
export async function readStrings(name: string, record: DataRecord, count: number): Promise<Uint8Array[]> {
  const { file, offset, size, crc: stored } = record;
  if (count === 0 && size === 0) return [];
  const stream = new ByteStream(file, offset, size);
  const lengths: number[] = [];
  for (let read = 0; read < count; read++) lengths.push(await stream.readVarint());
  const crc = (await Crc32c.create()).update(encodeLengths(lengths));
  const checksum = (await stream.peek(4)).slice(0, 4);
  stream.advance(4);
  if (new DataView(checksum.buffer).getUint32(0, true) !== crc.masked) {
    throw damagedCheckpoint(
      file.path,
      stream.position - 4,
      `the checksum (CRC-32C) of the string lengths of '${name}' does not match`,
    );
  }
  const bytes = new Uint8Array(stream.remaining);
  await stream.read(bytes);
  if (crc.update(checksum).update(bytes).masked !== stored) {
    throw damagedCheckpoint(file.path, offset, `the checksum (CRC-32C) of '${name}' does not match`);
  }
  let end = 0;
  const strings: Uint8Array[] = [];
  for (const length of lengths) {
    strings.push(bytes.subarray(end, end + length));
    end += length;
  }
  if (end !== bytes.length)
    throw damagedCheckpoint(file.path, offset, `the strings of '${name}' do not fill their ${size} bytes`);
  return strings;
}

/** Writes strings in the form that `readStrings` reads. */
export async function* writeStrings(
  strings: readonly Uint8Array[],
): AsyncGenerator<Uint8Array, { size: number; crc: number }> {
  const lengths = strings.map(({ length }) => length);
  const writer = protobuf.Writer.create();
  for (const length of lengths) writer.uint64(length);
  const varints = writer.finish();
  yield varints;
  const crc = (await Crc32c.create()).update(encodeLengths(lengths));
  const checksum = new DataView(new ArrayBuffer(4));
  checksum.setUint32(0, crc.masked, true);
  let size = varints.length;
  for (const piece of [new Uint8Array(checksum.buffer), ...strings]) {
    crc.update(piece);
    size += piece.length;
    yield piece;
  }
  return { size, crc: crc.masked };
}

/**
 * The lengths of strings as the checksum of a V2 checkpoint counts them: little-endian, 32 bits each, 64 for a length
 * above 2^32 - 1 (tensorflow/core/util/tensor_bundle/tensor_bundle.cc).
 */
function encodeLengths(lengths: readonly number[]): Uint8Array {
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
