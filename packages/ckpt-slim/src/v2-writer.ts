import type { FileSystem, TensorSource } from '@graftjs/core';
import { guardCheckpoint, sourceBytes, sourceStrings } from '@graftjs/core';
import { dataPath, indexPath } from './checkpoint-location.js';
import { Crc32c } from './crc32c.js';
import { writeStrings } from './data-record.js';
import { elementTypeOf } from './element-type.js';
import { type BundleEntry, encodeBundleEntry, encodeBundleHeader } from './messages.js';
import { compareBytes } from './table-block.js';
import { TableWriter } from './table-writer.js';
import { checkedSources } from './tensors-to-write.js';

/** Bytes are handed on in pieces of this size, so that a large variable does not hold up everything else. */
const pieceBytes = 1 << 22;

/**
 * Writes a V2 checkpoint with one data file: first that, then the index. Where a checkpoint of that prefix is replaced and
 * the process ends between the two, the old index refuses the new data by its checksums.
 */
export function writeV2(prefix: string, tensors: Iterable<TensorSource>, files: FileSystem): Promise<void> {
  return guardCheckpoint(prefix, async () => {
    const sources = await checkedSources(prefix, tensors, files);
    const keyed = sources.map((source) => ({ key: new TextEncoder().encode(source.name), source }));
    keyed.sort((a, b) => compareBytes(a.key, b.key));
    const entries: { key: Uint8Array; entry: BundleEntry }[] = [];
    await files.write(dataPath(prefix, 0, 1), writeData(keyed, entries));
    await files.write(indexPath(prefix), writeIndex(entries));
  });
}

async function* writeData(
  keyed: readonly { key: Uint8Array; source: TensorSource }[],
  entries: { key: Uint8Array; entry: BundleEntry }[],
): AsyncGenerator<Uint8Array> {
  let offset = 0;
  for (const { key, source } of keyed) {
    const { size, crc } = yield* source.dtype === 'string'
      ? writeStrings(await sourceStrings(source))
      : writeElements(await sourceBytes(source));
    const type = elementTypeOf(source.dtype).code;
    entries.push({ key, entry: { type, shape: source.shape, shard: 0, offset, size, crc, slices: [] } });
    offset += size;
  }
}

async function* writeElements(bytes: Uint8Array): AsyncGenerator<Uint8Array, { size: number; crc: number }> {
  const crc = await Crc32c.create();
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const piece = bytes.subarray(at, at + pieceBytes);
    crc.update(piece);
    yield piece;
  }
  return { size: bytes.length, crc: crc.masked };
}

async function* writeIndex(entries: readonly { key: Uint8Array; entry: BundleEntry }[]): AsyncGenerator<Uint8Array> {
  const table = new TableWriter();
  const header = encodeBundleHeader(1);
  yield* table.add(new Uint8Array(), header.length, [header]);
  for (const { key, entry } of entries) {
    const value = encodeBundleEntry(entry);
    yield* table.add(key, value.length, [value]);
  }
  yield* table.finish();
}
