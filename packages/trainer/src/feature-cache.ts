import { elementCount, type FileSystem, type Graph, RunError, type Session } from '@graftjs/core';
import type { FeatureSource } from './batches.js';
import { prefetched } from './prefetched.js';
import { hex, sha256 } from './sha256.js';

/** Where features are kept between runs. */
export interface FeatureCacheOptions {
  /** A folder for them alone; made when it is needed. */
  readonly folder: string;
  /** The most bytes that may be kept there; older features make room. Default 8 GiB. */
  readonly limit?: number;
}

/** What the cache is made of. */
export interface FeatureCacheParts {
  /** Of the prefix: what it gives is cached. */
  readonly session: Session;
  readonly files: FileSystem;
  readonly options: FeatureCacheOptions;
  /** Height and width of the images. */
  readonly size: number;
}

/** A split's images as a network takes them. */
export interface PreparedSplit {
  /** How many there are. */
  readonly count: number;
  /** NHWC bytes of those at `indices`, one after the other. */
  read(indices: Uint32Array): Promise<Uint8Array>;
}

/** Images in a file. */
const chunkImages = 256;
/** Images that the prefix gets at once. */
const batchImages = 32;
const digestBytes = 32;
const suffix = '.features';
const removable = /\.features(\..*\.tmp)?$/;

/** Bytes that a cache may have where nothing is said. */
export const defaultLimit = 8 * 2 ** 30;

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => a.every((byte, index) => byte === b[index]);

/** The bytes on disk of the features of a split with so many images. */
export function featureBytes(prefix: Graph, images: number): number {
  return images * 4 * outputSize(prefix) + Math.ceil(images / chunkImages) * digestBytes;
}

function outputSize({ nodes, output }: Graph): number {
  return elementCount(nodes.find(({ name }) => name === output)!.shape);
}

/**
 * What a frozen prefix makes of images, computed once an image and kept in files of 256. A file's name is the SHA-256 of
 * the prefix (graph and weights) and of the very bytes that it was fed, so other weights, another size or other images
 * never meet it; it ends with the SHA-256 of its values, which is checked when it is found.
 */
export class FeatureCache {
  readonly #parts: FeatureCacheParts;
  readonly #size: number;
  readonly #limit: number;
  #prefix: Uint8Array | undefined;
  /** Files of this run, which do not make room for others. */
  readonly #own = new Set<string>();

  constructor(parts: FeatureCacheParts) {
    this.#parts = parts;
    this.#size = outputSize(parts.session.graph);
    this.#limit = parts.options.limit ?? defaultLimit;
  }

  /**
   * Computes what is not there yet of a split.
   * @param onProgress called with the number of images done, cached or computed
   */
  async prepare(
    split: PreparedSplit,
    options: { signal?: AbortSignal; onProgress?: (done: number) => void } = {},
  ): Promise<FeatureSource> {
    const names: string[] = [];
    const { count } = split;
    const load = (chunk: number) => this.#images(split, chunk * chunkImages);
    for await (const inputs of prefetched(0, Math.ceil(count / chunkImages), 1, load)) {
      options.signal?.throwIfAborted();
      names.push(await this.#ensure(inputs));
      options.onProgress?.(Math.min(names.length * chunkImages, count));
    }
    return { read: (indices) => this.#read(split, names, indices) };
  }

  #path(name: string): string {
    return `${this.#parts.options.folder}/${name}`;
  }

  /** SHA-256 of the prefix: its graph as JSON, and every variable's bytes. */
  async #prefixDigest(): Promise<Uint8Array> {
    const { session } = this.#parts;
    const digests = [await sha256(new TextEncoder().encode(JSON.stringify(session.graph)))];
    for (const { name } of session.graph.variables)
      digests.push(await sha256(new Uint8Array(session.read(name).buffer)));
    return sha256(...digests);
  }

  /** The images of the file that begins with image `start`. */
  #images(split: PreparedSplit, start: number): Promise<Uint8Array> {
    const count = Math.min(chunkImages, split.count - start);
    const indices = Uint32Array.from({ length: count }, (_, index) => start + index);
    return split.read(indices);
  }

  /** Makes sure that the file of these images is there and whole; gives its name. */
  async #ensure(inputs: Uint8Array): Promise<string> {
    const count = inputs.length / (this.#parts.size ** 2 * 3);
    this.#prefix ??= await this.#prefixDigest();
    const name = `${hex(await sha256(this.#prefix, await sha256(inputs)))}${suffix}`;
    this.#own.add(name);
    if (!(await this.#isWhole(name, count))) await this.#write(name, await this.#compute(inputs, count));
    return name;
  }

  async #compute(inputs: Uint8Array, count: number): Promise<Float32Array> {
    const { session } = this.#parts;
    const one = inputs.length / count;
    const features = new Float32Array(count * this.#size);
    for (let start = 0; start < count; start += batchImages) {
      const end = Math.min(start + batchImages, count);
      const outputs = await session.predict(inputs.subarray(start * one, end * one), end - start);
      features.set(outputs.get(session.graph.output)!, start * this.#size);
    }
    return features;
  }

  async #isWhole(name: string, count: number): Promise<boolean> {
    const { files } = this.#parts;
    const bytes = 4 * count * this.#size;
    const found = await files.stat(this.#path(name));
    if (found?.kind !== 'file' || found.size !== bytes + digestBytes) return false;
    const file = await files.open(this.#path(name));
    try {
      const content = new Uint8Array(bytes + digestBytes);
      await file.read(0, content);
      return sameBytes(await sha256(content.subarray(0, bytes)), content.subarray(bytes));
    } finally {
      await file.close();
    }
  }

  async #write(name: string, features: Float32Array): Promise<void> {
    const { files, options } = this.#parts;
    const bytes = new Uint8Array(features.buffer);
    try {
      await files.makeFolder(options.folder);
      await this.#makeRoom(bytes.length + digestBytes);
      const chunks = [bytes, await sha256(bytes)];
      // Another run that makes room may take the draft away.
      await files.write(this.#path(name), chunks).catch(() => files.write(this.#path(name), chunks));
    } catch (cause) {
      throw new RunError(
        'run/cannot-write',
        `What the frozen layers give cannot be kept in ${options.folder}: ${(cause as Error).message}. Make room there, or ` +
          'choose another folder (the command takes it from GRAFT_CACHE).',
        { cause, details: { folder: options.folder } },
      );
    }
  }

  /** Removes other runs' features, and drafts that killed ones have left, until so many more bytes fit. */
  async #makeRoom(bytes: number): Promise<void> {
    const { files, options } = this.#parts;
    const sizes = new Map<string, number>();
    for (const name of await files.list(options.folder))
      sizes.set(name, (await files.stat(this.#path(name)))?.size ?? 0);
    let total = bytes + [...sizes.values()].reduce((sum, size) => sum + size, 0);
    for (const [name, size] of sizes) {
      if (total <= this.#limit) return;
      if (this.#own.has(name) || !removable.test(name)) continue;
      await files.remove(this.#path(name));
      total -= size;
    }
  }

  async #read(split: PreparedSplit, names: readonly string[], indices: Uint32Array): Promise<Float32Array> {
    const features = new Float32Array(indices.length * this.#size);
    const bytes = new Uint8Array(features.buffer);
    const length = 4 * this.#size;
    for (const [place, index] of indices.entries()) {
      const into = bytes.subarray(place * length, (place + 1) * length);
      const name = names[Math.floor(index / chunkImages)]!;
      const position = (index % chunkImages) * length;
      try {
        await this.#readRecord(name, position, into);
      } catch {
        // Another run made room for its own, or someone emptied the cache.
        await this.#ensure(await this.#images(split, index - (index % chunkImages)));
        await this.#readRecord(name, position, into);
      }
    }
    return features;
  }

  async #readRecord(name: string, position: number, into: Uint8Array): Promise<void> {
    const file = await this.#parts.files.open(this.#path(name));
    try {
      await file.read(position, into);
    } finally {
      await file.close();
    }
  }
}
