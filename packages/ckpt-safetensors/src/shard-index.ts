import {
  type CheckpointReader,
  damagedCheckpoint,
  type FileSystem,
  guardCheckpoint,
  type TensorInfo,
  unknownVariable,
} from '@graftjs/core';
import { openSafetensors, type SafetensorsReader } from './safetensors-reader.js';

/** How the name of an index of several files ends. */
export const indexEnding = '.safetensors.index.json';

/** Room for some hundred thousand names; no index of a published model has a tenth of it. */
const mostIndexBytes = 1 << 24;

/** Which file, by its name in the index's folder, has a tensor. */
type WeightMap = ReadonlyMap<string, string>;

/** @throws CheckpointError `checkpoint/damaged` */
async function readIndex(path: string, files: FileSystem): Promise<WeightMap> {
  const file = await files.open(path);
  try {
    if (file.size > mostIndexBytes) throw damagedCheckpoint(path, undefined, `it has ${file.size} bytes`);
    const bytes = new Uint8Array(file.size);
    await file.read(0, bytes);
    return parseIndex(path, bytes);
  } finally {
    await file.close();
  }
}

function parseIndex(path: string, bytes: Uint8Array): WeightMap {
  let index: unknown;
  try {
    index = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw damagedCheckpoint(path, undefined, 'it is no JSON', cause);
  }
  const map = typeof index === 'object' && index !== null && 'weight_map' in index ? index.weight_map : undefined;
  if (typeof map !== 'object' || map === null || Array.isArray(map)) {
    throw damagedCheckpoint(path, undefined, "it is no object with a 'weight_map'");
  }
  for (const [name, file] of Object.entries(map)) {
    // Beside the index, and nowhere else: an index may come from anywhere.
    if (typeof file === 'string' && /^[^/\\\0]+$/.test(file) && file !== '.' && file !== '..') continue;
    throw damagedCheckpoint(path, undefined, `'${name}' is to be in ${JSON.stringify(file)}, which is no file's name`);
  }
  return new Map(Object.entries(map as Record<string, string>));
}

function inFolderOf(path: string, name: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1) + name;
}

/** The index itself and all files that it names. */
export async function filesOfIndex(path: string, files: FileSystem): Promise<string[]> {
  const names = new Set((await readIndex(path, files)).values());
  return [path, ...[...names].sort().map((name) => inFolderOf(path, name))];
}

/** Opens all files of an index as one checkpoint, which has the tensors that the index names. */
export async function openIndex(path: string, files: FileSystem): Promise<CheckpointReader> {
  const weightMap = await readIndex(path, files);
  const shards = new Map<string, SafetensorsReader>();
  const close = async () => {
    for (const shard of shards.values()) await shard.close();
  };
  try {
    for (const name of new Set(weightMap.values())) {
      shards.set(name, await guardCheckpoint(path, () => openSafetensors(inFolderOf(path, name), files)));
    }
    return new ShardsReader(path, weightMap, shards, close);
  } catch (error) {
    await close();
    throw error;
  }
}

class ShardsReader implements CheckpointReader {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly #path: string;
  readonly #shardOf: (name: string) => SafetensorsReader;

  constructor(
    path: string,
    weightMap: WeightMap,
    shards: ReadonlyMap<string, SafetensorsReader>,
    readonly close: () => Promise<void>,
  ) {
    const tensors: TensorInfo[] = [];
    for (const [name, file] of weightMap) {
      const shard = shards.get(file)!;
      if (!shard.has(name)) {
        throw damagedCheckpoint(path, undefined, `'${name}' is to be in ${file}, which does not have it`);
      }
      const tensor = shard.tensors.get(name);
      if (tensor) tensors.push(tensor);
    }
    tensors.sort((a, b) => (a.name < b.name ? -1 : 1));
    this.tensors = new Map(tensors.map((tensor) => [tensor.name, tensor]));
    this.#path = path;
    this.#shardOf = (name) => {
      const file = weightMap.get(name);
      if (file === undefined) throw unknownVariable(this.#path, name, this.tensors.size);
      return shards.get(file)!;
    };
  }

  async read(name: string, into?: Uint8Array): Promise<Uint8Array> {
    return this.#shardOf(name).read(name, into);
  }

  async readPart(name: string, position: number, into: Uint8Array): Promise<void> {
    return this.#shardOf(name).readPart(name, position, into);
  }

  async readStrings(name: string): Promise<Uint8Array[]> {
    return this.#shardOf(name).readStrings(name);
  }
}
