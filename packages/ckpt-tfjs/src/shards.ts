import { damagedCheckpoint, type ExternalFiles, type FileSystem } from '@graftjs/core';

/** No file system is asked for more at a time. */
const pieceBytes = 1 << 26;

/** A file of a group; `start` counts from the beginning of the group's first. */
export interface Shard {
  readonly path: string;
  readonly start: number;
  readonly size: number;
}

/**
 * Finds the files of a group.
 * @param path of the `model.json`
 * @throws CheckpointError `checkpoint/external-data`, `checkpoint/damaged` where one is named twice
 */
export async function findShards(path: string, locations: readonly string[], files: ExternalFiles): Promise<Shard[]> {
  const shards: Shard[] = [];
  const found = new Set<string>();
  let start = 0;
  for (const location of locations) {
    const plain = location.replace(/(^|\/)(\.\/)+/g, '$1'); // tfjs writes `./model.weights.bin`
    if (found.has(plain)) throw damagedCheckpoint(path, undefined, `it names the file '${plain}' twice`);
    found.add(plain);
    const file = await files.find(plain);
    shards.push({ ...file, start });
    start += file.size;
  }
  return shards;
}

/** The files of a group as one, in which tensors go on from file to file. Each is opened for as long as it is read. */
export class ShardedBytes {
  readonly size: number;
  readonly #shards: readonly Shard[];
  readonly #files: FileSystem;

  constructor(shards: readonly Shard[], files: FileSystem) {
    const last = shards.at(-1);
    this.size = last ? last.start + last.size : 0;
    this.#shards = shards;
    this.#files = files;
  }

  /** Fills `into` with the bytes from `position` on, which must be there. */
  async read(position: number, into: Uint8Array): Promise<void> {
    for (const { path, start, size } of this.#shards) {
      const from = Math.max(position, start);
      const to = Math.min(position + into.length, start + size);
      if (from >= to) continue;
      const file = await this.#files.open(path);
      try {
        for (let at = from; at < to; at += pieceBytes) {
          const end = Math.min(to, at + pieceBytes);
          await file.read(at - start, into.subarray(at - position, end - position));
        }
      } finally {
        await file.close();
      }
    }
  }
}
