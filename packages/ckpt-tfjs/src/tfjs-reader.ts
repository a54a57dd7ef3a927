import {
  CheckpointError,
  type CheckpointReader,
  damagedCheckpoint,
  destination,
  dtypeBytes,
  ExternalFiles,
  elementCount,
  type FileSystem,
  guardCheckpoint,
  type TensorInfo,
  unknownVariable,
} from '@graftjs/core';
import { dequantize, quantizedBytes, valueBytes } from './dequantize.js';
import { type Quantization, readModelJson, type WeightGroup } from './model-json.js';
import { findShards, ShardedBytes } from './shards.js';
import { lengthBytes, type PlacedWeight, placeWeights } from './weights-layout.js';

/** How many elements are dequantized at a time. */
const pieceElements = 1 << 20;

/** The files of a `model.json`, itself first. */
export async function filesOfModel(path: string, files: FileSystem): Promise<string[]> {
  const external = new ExternalFiles(path, files);
  const { groups } = await readModelJson(path, files);
  const shards: string[] = [];
  for (const { paths } of groups) shards.push(...(await findShards(path, paths, external)).map((shard) => shard.path));
  return [path, ...shards];
}

async function placeGroups(path: string, groups: readonly WeightGroup[], files: FileSystem): Promise<PlacedWeight[]> {
  const external = new ExternalFiles(path, files);
  const seen = new Set<string>();
  const placed: PlacedWeight[] = [];
  for (const { paths, weights } of groups) {
    const shards = await findShards(path, paths, external);
    for (const shard of shards) {
      if (seen.has(shard.path)) throw damagedCheckpoint(path, undefined, `two groups have the file ${shard.path}`);
      seen.add(shard.path);
    }
    placed.push(...(await placeWeights(path, weights, new ShardedBytes(shards, files))));
  }
  return placed;
}

/** Opens a `model.json`; of its other files only their sizes are looked at, and the lengths of strings. */
export async function openTfjs(path: string, files: FileSystem): Promise<CheckpointReader> {
  const { groups, metadata } = await readModelJson(path, files);
  return new TfjsReader(path, await placeGroups(path, groups, files), metadata);
}

class TfjsReader implements CheckpointReader {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly metadata?: ReadonlyMap<string, string>;
  readonly #path: string;
  readonly #placed: ReadonlyMap<string, PlacedWeight>;

  constructor(path: string, placed: readonly PlacedWeight[], metadata: ReadonlyMap<string, string> | undefined) {
    this.#path = path;
    this.#placed = new Map(placed.map((weight) => [weight.entry.name, weight]));
    this.tensors = new Map(
      placed
        .map(({ entry: { name, dtype, shape } }): TensorInfo => ({ name, dtype, shape }))
        .sort((a, b) => (a.name < b.name ? -1 : 1))
        .map((tensor) => [tensor.name, tensor]),
    );
    if (metadata) this.metadata = metadata;
  }

  #weight(name: string): PlacedWeight {
    const weight = this.#placed.get(name);
    if (!weight) throw unknownVariable(this.#path, name, this.tensors.size);
    return weight;
  }

  /** A tensor of elements of a fixed size, and how many bytes it has. */
  #numbers(name: string): { weight: PlacedWeight; size: number } {
    const weight = this.#weight(name);
    const { dtype, shape } = weight.entry;
    if (dtype !== 'string') return { weight, size: elementCount(shape) * dtypeBytes[dtype] };
    throw new CheckpointError(
      'checkpoint/string-variable',
      `'${name}' in ${this.#path} holds strings: read it with \`readStrings\`.`,
      { details: { path: this.#path, name } },
    );
  }

  async read(name: string, into?: Uint8Array): Promise<Uint8Array> {
    const { weight, size } = this.#numbers(name);
    const place = destination(name, size, into);
    await this.#fill(weight, 0, place);
    return place;
  }

  async readPart(name: string, position: number, into: Uint8Array): Promise<void> {
    const { weight, size } = this.#numbers(name);
    if (position < 0 || position + into.length > size) {
      throw new CheckpointError(
        'checkpoint/no-such-part',
        `'${name}' has ${size} bytes: there are no ${into.length} from ${position} on.`,
        { details: { path: this.#path, name, received: [position, into.length], accepted: size } },
      );
    }
    await this.#fill(weight, position, into);
  }

  #fill(weight: PlacedWeight, position: number, into: Uint8Array): Promise<void> {
    const { entry, bytes, start } = weight;
    return guardCheckpoint(this.#path, () =>
      entry.quantization
        ? this.#dequantize(weight, entry.quantization, position, into)
        : bytes.read(start + position, into),
    );
  }

  async #dequantize(
    { entry, bytes, start }: PlacedWeight,
    quantization: Quantization,
    position: number,
    into: Uint8Array,
  ): Promise<void> {
    const size = quantizedBytes[quantization.dtype];
    const dtype = entry.dtype === 'int32' ? 'int32' : 'float32';
    const end = position + into.length;
    for (let at = position; at < end; ) {
      const first = Math.floor(at / valueBytes);
      const count = Math.min(pieceElements, Math.ceil(end / valueBytes) - first);
      const stored = new Uint8Array(size * count);
      await bytes.read(start + size * first, stored);
      const values = dequantize(stored, quantization, dtype).subarray(at - valueBytes * first);
      const part = values.subarray(0, end - at);
      into.set(part, at - position);
      at += part.length;
    }
  }

  async readStrings(name: string): Promise<Uint8Array[]> {
    const { entry, bytes, start, end } = this.#weight(name);
    if (entry.dtype !== 'string') {
      throw new CheckpointError(
        'checkpoint/no-string-variable',
        `'${name}' in ${this.#path} holds ${entry.dtype} and no strings: read it with \`read\`.`,
        { details: { path: this.#path, name, dtype: entry.dtype } },
      );
    }
    const stored = new Uint8Array(end - start);
    await guardCheckpoint(this.#path, () => bytes.read(start, stored));
    const view = new DataView(stored.buffer);
    const strings: Uint8Array[] = [];
    for (let at = 0; at < stored.length; ) {
      const first = at + lengthBytes;
      at = first + view.getUint32(at, true);
      strings.push(stored.subarray(first, at));
    }
    return strings;
  }

  async close(): Promise<void> {}
}
