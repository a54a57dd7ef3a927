import {
  type CheckpointReader,
  damagedCheckpoint,
  destination,
  elementCount,
  type FileSystem,
  formatShape,
  guardCheckpoint,
  type ReadableFile,
  type Shape,
  sameShape,
} from '@graftjs/core';
import { type StoredTensor, storedTensor, TensorTable } from './checkpoint-tensors.js';
import type { ProtoField } from './element-type.js';
import { decodeSavedTensorSliceMeta, type SavedSliceMeta } from './messages.js';
import { encodeSliceKey } from './ordered-code.js';
import { leastBytes, readElements, readStringElements } from './saved-slice.js';
import { snappyRatio } from './table-block.js';
import { TableReader, type TableValue } from './table-reader.js';
import { Coverage, SliceCursor, sliceShape, type TensorSlice } from './tensor-slice.js';

interface Shard {
  readonly file: ReadableFile;
  readonly table: TableReader;
}

interface StoredSlice {
  readonly shard: Shard;
  readonly slice: TensorSlice;
  readonly count: number;
}

interface SlicedTensor extends StoredTensor {
  readonly field: ProtoField;
  readonly slices: StoredSlice[];
}

/**
 * Opens a V1 checkpoint: tables of SavedTensorSlices messages, one a slice, and under the empty key the list of all
 * slices in the file (tensorflow/core/util/saved_tensor_slice.proto).
 * @param paths the file, or all shards
 */
export async function openV1(prefix: string, paths: readonly string[], files: FileSystem): Promise<CheckpointReader> {
  const opened: ReadableFile[] = [];
  try {
    const tensors = new Map<string, SlicedTensor>();
    const unreadable = new Map<string, number>();
    for (const path of paths) {
      const file = await files.open(path);
      opened.push(file);
      const shard = { file, table: await TableReader.open(file) };
      for (const meta of await readMeta(shard)) addSlices(meta, shard, tensors, unreadable);
    }
    return new V1Reader(prefix, opened, new TensorTable(prefix, tensors.values(), unreadable));
  } catch (error) {
    await Promise.all(opened.map((file) => file.close()));
    throw error;
  }
}

async function readMeta({ file, table }: Shard): Promise<SavedSliceMeta[]> {
  const found = await table.find(new Uint8Array());
  if (found === undefined)
    throw damagedCheckpoint(file.path, undefined, 'it has no list of its variables, so it is no V1 checkpoint');
  const bytes = (await found.stream.peek(found.length)).slice(0, found.length);
  found.stream.advance(found.length);
  await found.verify();
  try {
    return decodeSavedTensorSliceMeta(bytes);
  } catch (cause) {
    throw damagedCheckpoint(
      file.path,
      undefined,
      `the list of its variables cannot be read (${(cause as Error).message})`,
      cause,
    );
  }
}

function addSlices(
  { name, shape, type, slices }: SavedSliceMeta,
  shard: Shard,
  tensors: Map<string, SlicedTensor>,
  unreadable: Map<string, number>,
): void {
  const { path } = shard.file;
  const stored = storedTensor(path, name, type, shape);
  if (stored?.type.field === undefined) {
    unreadable.set(name, type);
    return;
  }
  const tensor = tensors.get(name) ?? { ...stored, field: stored.type.field, slices: [] };
  if (tensor.dtype !== stored.dtype || !sameShape(tensor.shape, shape)) {
    throw damagedCheckpoint(
      path,
      undefined,
      `'${name}' is ${stored.dtype} ${formatShape(shape)} here and something else in another shard`,
    );
  }
  for (const slice of slices) {
    const part = sliceShape(slice, shape);
    if (part === undefined)
      throw damagedCheckpoint(path, undefined, `a slice of '${name}' does not lie within ${formatShape(shape)}`);
    tensor.slices.push({ shard, slice, count: elementCount(part) });
  }
  tensors.set(name, tensor);
}

class V1Reader implements CheckpointReader {
  readonly #prefix: string;
  readonly #files: readonly ReadableFile[];
  readonly #tensors: TensorTable<SlicedTensor>;

  constructor(prefix: string, files: readonly ReadableFile[], tensors: TensorTable<SlicedTensor>) {
    this.#prefix = prefix;
    this.#files = files;
    this.#tensors = tensors;
  }

  get tensors(): CheckpointReader['tensors'] {
    return this.#tensors.all;
  }

  read(name: string, into?: Uint8Array): Promise<Uint8Array> {
    return guardCheckpoint(this.#prefix, async () => {
      const { tensor, elementBytes, bytes } = this.#tensors.getSized(name);
      this.#expectWhole(tensor);
      const { shape, slices, field, type } = tensor;
      const least = leastBytes(field, elementBytes);
      this.#expectRoom(tensor, least);
      const coverage = slices.length > 1 ? new Coverage(elementCount(shape)) : undefined;
      let place = into && destination(name, bytes, into);
      for (const stored of slices) {
        const record = await findRecord(tensor, stored, least);
        place ??= destination(name, bytes, undefined);
        await readElements(record, type, new SliceCursor(place, shape, stored.slice, elementBytes, coverage));
        await record.verify();
      }
      if (coverage?.complete === false) throw this.#notCovered(tensor);
      return place ?? destination(name, bytes, undefined);
    });
  }

  readStrings(name: string): Promise<Uint8Array[]> {
    return guardCheckpoint(this.#prefix, async () => {
      const { tensor, count } = this.#tensors.getStrings(name);
      this.#expectWhole(tensor);
      const [stored, second] = tensor.slices;
      if (stored === undefined) return [];
      if (second !== undefined)
        throw damagedCheckpoint(this.#prefix, undefined, `the strings of '${name}' are kept in several slices`);
      const record = await findRecord(tensor, stored, 1);
      const strings = await readStringElements(record, tensor.type, count);
      await record.verify();
      return strings;
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.#files.map((file) => file.close()));
  }

  #expectWhole(tensor: SlicedTensor): void {
    let count = 0;
    for (const slice of tensor.slices) count += slice.count;
    if (count !== elementCount(tensor.shape)) throw this.#notCovered(tensor);
  }

  #notCovered({ name, shape, slices }: SlicedTensor) {
    return damagedCheckpoint(
      this.#prefix,
      undefined,
      `the ${slices.length} slices of '${name}' do not make up ${formatShape(shape)}`,
    );
  }

  /** Before anything is allocated: so many elements must have room in the files. */
  #expectRoom({ name, shape }: { name: string; shape: Shape }, least: number): void {
    const bytes = this.#files.reduce((sum, file) => sum + file.size, 0);
    if (elementCount(shape) * least > bytes * snappyRatio) {
      throw damagedCheckpoint(
        this.#prefix,
        undefined,
        `'${name}' should be ${formatShape(shape)}, for which the files are too small`,
      );
    }
  }
}

async function findRecord(
  { name }: SlicedTensor,
  { shard, slice, count }: StoredSlice,
  least: number,
): Promise<TableValue> {
  const { path } = shard.file;
  const record = await shard.table.find(encodeSliceKey(name, slice));
  if (record === undefined)
    throw damagedCheckpoint(path, undefined, `'${name}' is listed and a slice of it is missing`);
  if (record.length < count * least) {
    throw damagedCheckpoint(
      path,
      record.stream.position,
      `${record.length} bytes cannot hold ${count} elements of '${name}'`,
    );
  }
  return record;
}
