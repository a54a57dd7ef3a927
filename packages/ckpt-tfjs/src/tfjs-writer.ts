import {
  CheckpointError,
  type CheckpointWriteOptions,
  type DType,
  dtypeBytes,
  elementCount,
  type FileSystem,
  folderOf,
  formatShape,
  guardCheckpoint,
  safeElementCount,
  sourceBytes,
  sourceStrings,
  type TensorSource,
} from '@graftjs/core';
import { ByteParts } from './byte-parts.js';
import type { WeightEntry } from './model-json.js';
import { filesOfModel } from './tfjs-reader.js';
import { lengthBytes } from './weights-layout.js';

/** tensorflowjs_converter's: what the caches of browsers take. */
const shardBytes = 1 << 22;

const dtypes = ['float32', 'int32', 'bool', 'string', 'complex64'] as const;
/** As tensorflowjs_converter does. */
export const keptAs = { int64: 'int32' } as const;

/** The type that the format keeps a type as; undefined where it does not. */
const writtenType = (dtype: DType): WeightEntry['dtype'] | undefined =>
  dtype === 'int64' ? keptAs[dtype] : dtypes.find((known) => known === dtype);

/** A tensor to be written, and its bytes. */
interface Weight {
  readonly entry: WeightEntry;
  readonly size: number;
  bytes(): Promise<Uint8Array> | Uint8Array;
}

/** Each after its length. */
function encodeStrings(strings: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(strings.reduce((sum, { length }) => sum + lengthBytes + length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const string of strings) {
    view.setUint32(at, string.length, true);
    bytes.set(string, at + lengthBytes);
    at += lengthBytes + string.length;
  }
  return bytes;
}

/** Refuses all that can be known to be wrong before the first value is asked for. */
function checkedEntries(path: string, sources: readonly TensorSource[]): WeightEntry[] {
  const names = new Set<string>();
  return sources.map(({ name, dtype, shape }) => {
    const refuse = (code: string, problem: string): CheckpointError =>
      new CheckpointError(code, `'${name}' cannot be written to ${path}: ${problem}.`, {
        details: { path, name, dtype, shape },
      });
    if (names.has(name)) throw refuse('checkpoint/bad-name', 'names must differ from each other');
    names.add(name);
    const written = writtenType(dtype);
    if (!written) {
      throw refuse('checkpoint/unsupported-type', `TensorFlow.js has no ${dtype}. It has ${dtypes.join(', ')}`);
    }
    if (safeElementCount(shape) === undefined) {
      throw refuse('checkpoint/bad-shape', `${formatShape(shape)} is no shape of a tensor`);
    }
    return { name, shape: [...shape], dtype: written };
  });
}

async function narrowedBytes(source: TensorSource): Promise<Uint8Array> {
  const { buffer, byteOffset, byteLength } = await sourceBytes(source);
  const view = new DataView(buffer, byteOffset, byteLength);
  const narrow = Int32Array.from({ length: byteLength / 8 }, (_, index) => {
    const value = view.getBigInt64(8 * index, true);
    if (value === BigInt.asIntN(32, value)) return Number(value);
    throw new CheckpointError(
      'checkpoint/out-of-range',
      `'${source.name}' has ${value}, which does not fit into int32, the widest whole numbers of TensorFlow.js. Leave it out.`,
      { details: { name: source.name, received: String(value) } },
    );
  });
  return new Uint8Array(narrow.buffer);
}

/** Strings are held from here on, since nobody knows their size before. */
async function weightOf(entry: WeightEntry, source: TensorSource): Promise<Weight> {
  if (entry.dtype === 'string') {
    const bytes = encodeStrings(await sourceStrings(source));
    return { entry, size: bytes.length, bytes: () => bytes };
  }
  const size = elementCount(entry.shape) * dtypeBytes[entry.dtype];
  return { entry, size, bytes: source.dtype === 'int64' ? () => narrowedBytes(source) : () => sourceBytes(source) };
}

async function* bytesOf(weights: readonly Weight[]): AsyncGenerator<Uint8Array> {
  for (const weight of weights) yield await weight.bytes();
}

/**
 * The names of so many new files, as tensorflowjs_converter has them. The group is the first that the folder has nothing of:
 * other models there keep theirs, and one that is replaced is whole until it is.
 */
async function shardNames(folder: string, count: number, files: FileSystem): Promise<string[]> {
  const taken = await files.list(folder);
  let group = 1;
  while (taken.some((name) => name.startsWith(`group${group}-`))) group++;
  return Array.from({ length: count }, (_, index) => `group${group}-shard${index + 1}of${count}.bin`);
}

/** The files of a model that is about to be replaced; none where it cannot be read. */
async function replacedShards(path: string, files: FileSystem): Promise<string[]> {
  try {
    const [, ...shards] = await filesOfModel(path, files);
    return shards;
  } catch {
    return [];
  }
}

async function write(
  path: string,
  tensors: Iterable<TensorSource>,
  files: FileSystem,
  { metadata }: CheckpointWriteOptions,
): Promise<void> {
  if ((await files.stat(path))?.kind === 'folder') {
    throw new CheckpointError(
      'checkpoint/bad-path',
      `${path} is a folder. Write to a file in it: ${path}/model.json.`,
      {
        details: { path },
      },
    );
  }
  const sources = [...tensors];
  const entries = checkedEntries(path, sources);
  const weights: Weight[] = [];
  for (const [index, entry] of entries.entries()) weights.push(await weightOf(entry, sources[index]!));
  const size = weights.reduce((sum, weight) => sum + weight.size, 0);

  const replaced = await replacedShards(path, files);
  const folder = folderOf(path);
  const paths = await shardNames(folder, Math.ceil(size / shardBytes), files);
  const written: string[] = [];
  try {
    const parts = new ByteParts(bytesOf(weights));
    for (const name of paths) {
      await files.write(folder + name, parts.take(shardBytes));
      written.push(folder + name);
    }
    const model = {
      modelTopology: {}, // there is none, and `tf.io.browserFiles` takes no file without
      generatedBy: '@graftjs/ckpt-tfjs',
      weightsManifest: [{ paths, weights: entries }],
      ...(metadata && { userDefinedMetadata: Object.fromEntries(metadata) }),
    };
    await files.write(path, [new TextEncoder().encode(JSON.stringify(model))]);
  } catch (error) {
    // A disk that refuses the one may refuse the other; the first refusal is what is told.
    for (const shard of written) await files.remove(shard).catch(() => {});
    throw error;
  }
  for (const shard of replaced) await files.remove(shard);
}

/**
 * Writes a `model.json` and its shards of 4 MB, first these. What was at `path` is replaced at once, and its shards are removed
 * then.
 * @throws CheckpointError `checkpoint/bad-path`, `checkpoint/bad-name`, `checkpoint/bad-shape`,
 * `checkpoint/unsupported-type`, `checkpoint/out-of-range`, `checkpoint/source-size`, `checkpoint/source-failed`, `checkpoint/file-access`
 */
export function writeTfjs(
  path: string,
  tensors: Iterable<TensorSource>,
  files: FileSystem,
  options: CheckpointWriteOptions = {},
): Promise<void> {
  return guardCheckpoint(path, () => write(path, tensors, files, options));
}
