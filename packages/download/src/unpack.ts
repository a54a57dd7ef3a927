import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { type Archive, DownloadError } from '@graftjs/core';
import { nodeFileSystem } from '@graftjs/core/node';
import { Parser, type ReadEntry } from 'tar';
import { formatBytes } from './format-bytes.js';
import { storageError } from './storage-error.js';

/** A file that came out of an archive. */
export interface UnpackedFile {
  /** Below the folder that was unpacked into, with `/`. */
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

const fileTypes = ['File', 'OldFile', 'ContiguousFile'];

/** Writes what an archive holds, if nothing in it is suspicious. */
class Unpacker {
  readonly files: UnpackedFile[] = [];
  /** Names at the archive's top that were left out. */
  readonly leftOut = new Set<string>();
  readonly #path: string;
  readonly #archive: Archive;
  readonly #folder: string;
  readonly #made = new Set<string>();
  #bytes = 0;
  #entries = 0;

  constructor(path: string, archive: Archive, folder: string) {
    this.#path = path;
    this.#archive = archive;
    this.#folder = folder;
  }

  /** Takes the tar file in. */
  async take(chunks: AsyncIterable<Buffer>): Promise<void> {
    const stop = new AbortController();
    const fail = (error: unknown) => stop.abort(error);
    let ended = false;
    let written = Promise.resolve();
    const parser = new Parser({ strict: true, zstd: false });
    parser.on('error', (cause) => fail(this.#damaged(cause)));
    // What the parser knows no use for, or a header of more than a megabyte.
    parser.on('ignoredEntry', (entry) => fail(this.#refuse(entry, `is a ${entry.type} of ${formatBytes(entry.size)}`)));
    parser.on('entry', (entry) => {
      written = written.then(() => this.#write(entry));
      written.catch(fail);
    });
    parser.on('eof', () => {
      ended = true;
    });
    try {
      for await (const chunk of chunks) {
        // An archive in an archive: the parser would unpack it unseen.
        if (this.#bytes === 0 && chunk[0] === 0x1f) throw this.#damaged(new Error('it is no tar file'));
        this.#bytes += chunk.length;
        if (this.#bytes > this.#archive.bytes) throw this.#tooLarge(`more than ${formatBytes(this.#archive.bytes)}`);
        // The parser would collect what comes after the end.
        if (!ended && !parser.write(chunk)) await once(parser, 'drain', { signal: stop.signal });
        stop.signal.throwIfAborted();
      }
      parser.end();
      await written;
      stop.signal.throwIfAborted();
    } catch (error) {
      throw stop.signal.aborted ? stop.signal.reason : error;
    }
  }

  async #write(entry: ReadEntry): Promise<void> {
    if (++this.#entries > this.#archive.entries) throw this.#tooLarge(`more than ${this.#archive.entries} entries`);
    const parts = this.#check(entry);
    const [top] = parts;
    if (top !== this.#archive.entry) {
      if (top !== undefined) this.leftOut.add(top);
      entry.resume();
      return;
    }
    const path = join(this.#folder, ...parts);
    try {
      if (entry.type === 'Directory') {
        await this.#makeFolder(path);
        entry.resume();
      } else {
        await this.#makeFolder(dirname(path));
        this.files.push({ path: parts.join('/'), ...(await writeFile(entry, path)) });
      }
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'EEXIST') throw this.#refuse(entry, 'is there twice');
      throw storageError(path, cause);
    }
  }

  async #makeFolder(path: string): Promise<void> {
    if (this.#made.has(path)) return;
    await nodeFileSystem.makeFolder(path);
    this.#made.add(path);
  }

  /** The parts of an entry's path; what could leave the folder, or is neither a file nor a folder, is refused. */
  #check(entry: ReadEntry): string[] {
    const { path, type, size } = entry;
    if (type !== 'Directory' && !fileTypes.includes(type)) {
      throw this.#refuse(entry, `is a ${type}; only files and folders are unpacked`);
    }
    if (size > this.#archive.bytes) throw this.#tooLarge(`${JSON.stringify(path)} with ${formatBytes(size)}`);
    if (path.startsWith('/') || /^[a-z]:/i.test(path)) throw this.#refuse(entry, 'has an absolute path');
    const parts = path.split('/').filter((part) => part !== '' && part !== '.');
    if (parts.includes('..')) throw this.#refuse(entry, 'leads out of its folder');
    if (/[\\\0]/.test(path)) throw this.#refuse(entry, 'has a path that not every system can have');
    return parts;
  }

  #refuse({ path }: ReadEntry, reason: string): DownloadError {
    return new DownloadError(
      'download/unsafe-archive',
      `${this.#path} is not unpacked: ${JSON.stringify(path.slice(0, 200))} in it ${reason}.`,
      { details: { path: this.#path, entry: path } },
    );
  }

  #tooLarge(what: string): DownloadError {
    const { bytes, entries } = this.#archive;
    return new DownloadError(
      'download/archive-size',
      `${this.#path} is not unpacked: it holds ${what}, where at most ${formatBytes(bytes)} and ${entries} entries are expected.`,
      { details: { path: this.#path, bytes, entries } },
    );
  }

  #damaged(cause: Error): DownloadError {
    return damagedArchive(this.#path, cause);
  }
}

function damagedArchive(path: string, cause: Error): DownloadError {
  return new DownloadError('download/archive', `${path} cannot be unpacked: ${cause.message}.`, {
    cause,
    details: { path },
  });
}

async function writeFile(entry: ReadEntry, path: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  // Nothing that is there is written over.
  const handle = await open(path, 'wx');
  try {
    for await (const chunk of entry) {
      hash.update(chunk);
      bytes += chunk.length;
      await handle.appendFile(chunk);
    }
  } finally {
    await handle.close();
  }
  return { bytes, sha256: hash.digest('hex') };
}

/**
 * Unpacks the archive at `path` into `folder`: its `entry`, with files and folders of it alone. No path leaves the folder,
 * and no links, devices or modes are taken over. It streams.
 * @param onRead called with the number of bytes of the archive that are done
 * @returns what was written
 * @throws DownloadError `download/archive` (damaged, or without the entry), `download/unsafe-archive`,
 * `download/archive-size`, `download/disk-full`, `download/storage`; what was written until then stays
 */
export async function unpack(
  path: string,
  archive: Archive,
  folder: string,
  options: { readonly signal?: AbortSignal; readonly onRead?: (done: number) => void } = {},
): Promise<readonly UnpackedFile[]> {
  const { signal, onRead } = options;
  const unpacker = new Unpacker(path, archive, folder);
  let done = 0;
  async function* count(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      done += chunk.length;
      onRead?.(done);
      yield chunk;
    }
  }
  const file = createReadStream(path);
  const take = (chunks: AsyncIterable<Buffer>) => unpacker.take(chunks);
  try {
    if (archive.format === 'tar') await pipeline(file, count, take, { signal });
    else await pipeline(file, count, createGunzip(), take, { signal });
  } catch (error) {
    if (error instanceof DownloadError || signal?.aborted) throw error;
    throw damagedArchive(path, error as Error);
  }
  if (unpacker.files.length > 0) return unpacker.files;
  throw damagedArchive(
    path,
    new Error(`it holds no '${archive.entry}', but ${[...unpacker.leftOut].slice(0, 10).join(', ') || 'nothing'}`),
  );
}
