import { type FileHandle, open, readFile, rm, stat } from 'node:fs/promises';
import { DownloadError } from '@graftjs/core';
import { nodeFileSystem } from '@graftjs/core/node';
import { storageError } from './storage-error.js';

/** A file on a server, and what tells one version of it from another. */
export interface Resource {
  readonly address: string;
  readonly etag?: string;
  readonly lastModified?: string;
  /** Size of the whole file, as the server announced it. */
  readonly bytes?: number;
}

/** What is longer than this is no note of ours. */
const longestNote = 16384;

async function readNote(path: string): Promise<Resource | undefined> {
  try {
    if ((await stat(path)).size > longestNote) return undefined;
    const { address, etag, lastModified, bytes } = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
    if (typeof address !== 'string') return undefined;
    return {
      address,
      ...(typeof etag === 'string' && { etag }),
      ...(typeof lastModified === 'string' && { lastModified }),
      ...(Number.isSafeInteger(bytes) && { bytes: bytes as number }),
    };
  } catch {
    return undefined;
  }
}

/**
 * A file that is still arriving, `NAME.part`, and beside it, in `NAME.part.json`, what it is a part of. Without a note that
 * can be read, nothing of it counts.
 */
export class PartFile {
  readonly path: string;
  readonly #handle: FileHandle;
  #size: number;
  #resource: Resource | undefined;

  private constructor(path: string, handle: FileHandle, size: number, resource: Resource | undefined) {
    this.path = path;
    this.#handle = handle;
    this.#size = size;
    this.#resource = resource;
  }

  static async open(path: string): Promise<PartFile> {
    const there = await stat(path).catch(() => undefined);
    // To open a pipe would be to wait for its other end.
    if (there !== undefined && !there.isFile()) {
      throw new DownloadError('download/target', `${path} is no file. Move it away, and try again.`, {
        details: { path },
      });
    }
    try {
      const resource = await readNote(`${path}.json`);
      return new PartFile(path, await open(path, 'a'), resource === undefined ? 0 : (there?.size ?? 0), resource);
    } catch (cause) {
      throw storageError(path, cause);
    }
  }

  /** Bytes that are there, and count. */
  get size(): number {
    return this.#size;
  }

  /** What they are bytes of. */
  get resource(): Resource | undefined {
    return this.#resource;
  }

  /** Empties it, for the bytes of `resource` from the first on. */
  async begin(resource: Resource): Promise<void> {
    try {
      await this.#handle.truncate(0);
      await nodeFileSystem.write(`${this.path}.json`, [Buffer.from(JSON.stringify(resource))]);
    } catch (cause) {
      throw storageError(this.path, cause);
    }
    this.#size = 0;
    this.#resource = resource;
  }

  async append(bytes: Uint8Array): Promise<void> {
    try {
      await this.#handle.appendFile(bytes);
    } catch (cause) {
      throw storageError(this.path, cause);
    }
    this.#size += bytes.length;
  }

  /** What is there counts no more. */
  forget(): void {
    this.#size = 0;
    this.#resource = undefined;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  /** Closes it, and takes it and its note away. */
  async remove(): Promise<void> {
    await this.close();
    await rm(this.path, { force: true });
    await rm(`${this.path}.json`, { force: true });
    this.forget();
  }
}
