import {
  CheckpointError,
  type CheckpointReader,
  damagedCheckpoint,
  destination,
  elementCount,
  type FileSystem,
  formatShape,
  guardCheckpoint,
  type ReadableFile,
  sameShape,
} from '@graftjs/core';
import { dataPath, indexPath } from './checkpoint-location.js';
import { type StoredTensor, storedTensor, TensorTable } from './checkpoint-tensors.js';
import { type DataRecord, readElements, readStrings } from './data-record.js';
import { type BundleEntry, type BundleHeader, decodeBundleEntry, decodeBundleHeader, mostEntries } from './messages.js';
import { encodeSliceKey } from './ordered-code.js';
import { TableReader } from './table-reader.js';
import { Coverage, SliceCursor, sliceShape, type TensorSlice, wholeSlice } from './tensor-slice.js';

interface BundleTensor extends StoredTensor {
  readonly entry: BundleEntry;
}

interface BundleIndex {
  readonly path: string;
  readonly header: BundleHeader;
  readonly tensors: TensorTable<BundleTensor>;
  /** Parts of variables that are kept in slices, by `sliceId`. */
  readonly slices: ReadonlyMap<string, BundleEntry>;
}

/** A key as a string that has the same bytes as character codes. */
function sliceId(key: Uint8Array): string {
  let id = '';
  for (const byte of key) id += String.fromCharCode(byte);
  return id;
}

/**
 * Opens a V2 checkpoint, TensorFlow's tensor bundle: a table `.index` that says where in the `.data` files each variable
 * is (tensorflow/core/protobuf/tensor_bundle.proto). Data files are opened when a variable in them is read.
 */
export async function openV2(prefix: string, files: FileSystem): Promise<CheckpointReader> {
  const file = await files.open(indexPath(prefix));
  try {
    return new V2Reader(prefix, await readIndex(file), files);
  } finally {
    await file.close();
  }
}

async function readIndex(file: ReadableFile): Promise<BundleIndex> {
  const { path } = file;
  let header: BundleHeader | undefined;
  const tensors: BundleTensor[] = [];
  const slices = new Map<string, BundleEntry>();
  const unreadable = new Map<string, number>();
  for await (const { key, value } of (await TableReader.open(file)).entries()) {
    if (header === undefined) {
      header = decodeHeader(path, key, value);
      continue;
    }
    if (key[0] === 0) {
      slices.set(
        sliceId(key),
        decode(path, 'the entry of a slice', () => decodeBundleEntry(value)),
      );
    } else {
      const name = decode(path, 'a name', () => new TextDecoder('utf-8', { fatal: true }).decode(key));
      const entry = decode(path, `the entry of '${name}'`, () => decodeBundleEntry(value));
      const tensor = storedTensor(path, name, entry.type, entry.shape);
      if (tensor === undefined) unreadable.set(name, entry.type);
      else tensors.push({ ...tensor, entry });
    }
    if (tensors.length + slices.size + unreadable.size > mostEntries) {
      throw damagedCheckpoint(path, undefined, `it has more than ${mostEntries} entries`);
    }
  }
  if (header === undefined) throw damagedCheckpoint(path, undefined, 'the table is empty');
  return { path, header, tensors: new TensorTable(path, tensors, unreadable), slices };
}

function decodeHeader(path: string, key: Uint8Array, value: Uint8Array): BundleHeader {
  if (key.length > 0)
    throw damagedCheckpoint(path, undefined, 'the header is missing, so it is no index of a V2 checkpoint');
  const header = decode(path, 'the header', () => decodeBundleHeader(value));
  if (header.bigEndian) {
    throw new CheckpointError(
      'checkpoint/big-endian',
      `${path} was written on a big-endian machine; only little-endian checkpoints are read. Save it again on another.`,
      { details: { path } },
    );
  }
  if (header.shards < 1) throw damagedCheckpoint(path, undefined, `the header tells of ${header.shards} data files`);
  return header;
}

function decode<T>(path: string, what: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw damagedCheckpoint(path, undefined, `${what} cannot be read (${(cause as Error).message})`, cause);
  }
}

class V2Reader implements CheckpointReader {
  readonly #prefix: string;
  readonly #index: BundleIndex;
  readonly #files: FileSystem;
  readonly #shards = new Map<number, Promise<ReadableFile>>();

  constructor(prefix: string, index: BundleIndex, files: FileSystem) {
    this.#prefix = prefix;
    this.#index = index;
    this.#files = files;
  }

  get tensors(): CheckpointReader['tensors'] {
    return this.#index.tensors.all;
  }

  read(name: string, into?: Uint8Array): Promise<Uint8Array> {
    return guardCheckpoint(this.#prefix, async () => {
      const { tensor, elementBytes, bytes } = this.#index.tensors.getSized(name);
      const { shape, entry } = tensor;
      if (into !== undefined) destination(name, bytes, into);
      const sliced = entry.slices.length > 0;
      const parts = sliced
        ? this.#partsOf(tensor)
        : [{ slice: wholeSlice(shape.length), entry, count: elementCount(shape) }];
      const records: { slice: TensorSlice; record: DataRecord }[] = [];
      for (const part of parts) {
        const record = await this.#findRecord(name, part.entry, part.count * elementBytes);
        records.push({ slice: part.slice, record });
      }
      this.#expectRoom(tensor, bytes, records);
      const place = destination(name, bytes, into);
      const coverage = sliced ? new Coverage(elementCount(shape)) : undefined;
      for (const { slice, record } of records) {
        await readElements(name, record, new SliceCursor(place, shape, slice, elementBytes, coverage));
      }
      if (coverage?.complete === false) throw this.#notCovered(tensor);
      return place;
    });
  }

  readStrings(name: string): Promise<Uint8Array[]> {
    return guardCheckpoint(this.#prefix, async () => {
      const { tensor, count } = this.#index.tensors.getStrings(name);
      const { entry } = tensor;
      if (entry.slices.length > 0) {
        throw damagedCheckpoint(
          this.#prefix,
          undefined,
          `the strings of '${name}' are kept in slices, which TensorFlow does not do`,
        );
      }
      return readStrings(name, await this.#findRecord(name, entry, entry.size), count);
    });
  }

  async close(): Promise<void> {
    const opened = await Promise.allSettled(this.#shards.values());
    await Promise.all(opened.map((result) => (result.status === 'fulfilled' ? result.value.close() : undefined)));
  }

  /** The entries of a variable's slices, which must have as many elements as it has. */
  #partsOf(tensor: BundleTensor): { slice: TensorSlice; entry: BundleEntry; count: number }[] {
    let missing = elementCount(tensor.shape);
    const parts = tensor.entry.slices.map((slice) => {
      const shape = sliceShape(slice, tensor.shape);
      const entry = this.#index.slices.get(sliceId(encodeSliceKey(tensor.name, slice)));
      if (
        shape === undefined ||
        entry === undefined ||
        entry.type !== tensor.type.code ||
        !sameShape(entry.shape, shape)
      ) {
        throw damagedCheckpoint(
          this.#index.path,
          undefined,
          `a slice of '${tensor.name}' is missing, or not as the variable says`,
        );
      }
      const count = elementCount(shape);
      missing -= count;
      return { slice, entry, count };
    });
    if (missing !== 0) throw this.#notCovered(tensor);
    return parts;
  }

  #notCovered({ name, shape, entry }: BundleTensor) {
    const { length } = entry.slices;
    return damagedCheckpoint(
      this.#index.path,
      undefined,
      `the ${length} slices of '${name}' do not make up ${formatShape(shape)}`,
    );
  }

  /** Before anything is allocated: slices that share bytes could ask for more than the files hold. */
  #expectRoom({ name }: BundleTensor, bytes: number, records: readonly { record: DataRecord }[]): void {
    let room = 0;
    for (const file of new Set(records.map(({ record }) => record.file))) room += file.size;
    if (bytes > room)
      throw damagedCheckpoint(
        this.#index.path,
        undefined,
        `'${name}' should have ${bytes} bytes; the data files have ${room}`,
      );
  }

  /** Where the bytes of an entry are, of which there must be `bytes`. */
  async #findRecord(name: string, { shard, offset, size, crc }: BundleEntry, bytes: number): Promise<DataRecord> {
    const { path, header } = this.#index;
    if (
      shard < 0 ||
      shard >= header.shards ||
      size !== bytes ||
      !(offset >= 0 && Number.isSafeInteger(offset + size))
    ) {
      const place = `${size} bytes from byte ${offset} of data file ${shard}`;
      throw damagedCheckpoint(
        path,
        undefined,
        `'${name}' takes ${bytes} bytes, and the index gives it ${place} of ${header.shards}`,
      );
    }
    const file = await this.#open(shard);
    if (offset + size > file.size) {
      throw damagedCheckpoint(
        file.path,
        file.size,
        `'${name}' takes ${size} bytes from byte ${offset} on, and the file ends here`,
      );
    }
    return { file, offset, size, crc };
  }

  #open(shard: number): Promise<ReadableFile> {
    let file = this.#shards.get(shard);
    if (file === undefined) {
      file = this.#files.open(dataPath(this.#prefix, shard, this.#index.header.shards));
      this.#shards.set(shard, file);
    }
    return file;
  }
}
