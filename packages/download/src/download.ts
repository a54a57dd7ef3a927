import { rename, rm, stat, statfs } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { type Archive, type Download, DownloadError, UsageError } from '@graftjs/core';
import { nodeFileSystem } from '@graftjs/core/node';
import type { DownloadEvent } from './download-event.js';
import { FileFetcher } from './file-fetcher.js';
import { formatBytes } from './format-bytes.js';
import { hashFile } from './hash-file.js';
import { PartFile } from './part-file.js';
import { changedFiles, readReceipt, writeReceipt } from './receipt.js';
import { storageError } from './storage-error.js';
import { unpack } from './unpack.js';

/** Where to, where from, and how patiently. */
export interface DownloadOptions {
  /** The folder that it comes into; made where it is missing. */
  readonly folder: string;
  /** Another address of the same file, `http://` or `https://`; one that ends in `/` gets the file's name added. */
  readonly from?: string;
  /** Milliseconds without a byte after which a connection is given up. Default 30,000. */
  readonly idleTimeout?: number;
  /** How often a connection that fails is tried again in a row. Default 4. */
  readonly retries?: number;
  /** Milliseconds before the first of these; each further one waits twice as long. Default 1,000. */
  readonly retryDelay?: number;
  /** Stops it; the same call goes on later. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: DownloadEvent) => void;
}

/** What a download came to. */
export interface DownloadResult {
  readonly name: string;
  /** The file or folder. */
  readonly path: string;
  /** `present`: it was there, and every file of it had the right hash. */
  readonly status: 'downloaded' | 'present';
  /** The SHA-256 of what was fetched, where no hash is published that it could be compared with. */
  readonly unpublished?: string;
}

const fileName = ({ address }: Download): string => posix.basename(new URL(address).pathname);

/** Where `download` puts it: the folder or file that it is in use. */
export function downloadPath(record: Download, folder: string): string {
  return join(folder, record.archive?.entry ?? fileName(record));
}

function sourceOf(record: Download, from: string | undefined): string {
  if (from === undefined) return record.address;
  const url = URL.canParse(from) ? new URL(from) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol) || url.username !== '' || url.password !== '') {
    throw new UsageError(
      'usage/address',
      `'${from}' is no address to download from. Accepted: http://... or https://..., without user and password.`,
      { details: { received: from } },
    );
  }
  return url.pathname.endsWith('/') ? new URL(fileName(record), url).href : url.href;
}

/** One download into one folder. */
class Downloader {
  readonly #record: Download;
  readonly #options: DownloadOptions;
  readonly #target: string;
  readonly #receipt: string;

  constructor(record: Download, options: DownloadOptions) {
    this.#record = record;
    this.#options = options;
    this.#target = downloadPath(record, options.folder);
    this.#receipt = this.#hidden('download.json');
  }

  async run(): Promise<DownloadResult> {
    const address = sourceOf(this.#record, this.#options.from);
    const { folder } = this.#options;
    let hash = await this.#present();
    if (hash !== undefined) return this.#result('present', hash);
    const lock = await this.#lock(folder);
    try {
      // Another process may have finished it in the meantime.
      hash = await this.#present();
      if (hash !== undefined) return this.#result('present', hash);
      const part = await PartFile.open(join(folder, `${fileName(this.#record)}.part`));
      try {
        await this.#checkRoom(part.size);
        await this.#fetch(address, part);
        await part.close();
        hash = await this.#verify(address, part);
        await this.#place(part, hash);
      } finally {
        await (part.size === 0 ? part.remove() : part.close());
      }
      return this.#result('downloaded', hash);
    } finally {
      await lock.release();
    }
  }

  #result(status: DownloadResult['status'], hash: string): DownloadResult {
    const { name, hash: published } = this.#record;
    return { name, path: this.#target, status, ...(!published && { unpublished: hash }) };
  }

  /** The path of a hidden file or folder beside the target. */
  #hidden(suffix: string): string {
    return join(this.#options.folder, `.${posix.basename(this.#target)}.${suffix}`);
  }

  async #lock(folder: string) {
    const path = join(folder, `${fileName(this.#record)}.lock`);
    const lock = await (async () => {
      await nodeFileSystem.makeFolder(folder);
      return nodeFileSystem.lock(path);
    })().catch((cause) => {
      throw storageError(folder, cause);
    });
    if ('release' in lock) return lock;
    throw new DownloadError(
      'download/busy',
      `${this.#record.name} is being downloaded into ${folder} already, by ${lock.heldBy}. Wait for it, or name another folder.`,
      { details: { path, heldBy: lock.heldBy } },
    );
  }

  /** The hash of what is there, if it is right. What is there and is not right is someone's, and is not touched. */
  async #present(): Promise<string | undefined> {
    const { hash, archive, name } = this.#record;
    if (!(await nodeFileSystem.stat(this.#target))) return undefined;
    const found = archive || !hash ? await this.#noted() : await this.#hashed(hash);
    if ('hash' in found) return found.hash;
    throw new DownloadError(
      'download/target',
      `${this.#target} is there already, and ${found.differs}. Move it away or remove it, and run the same command again; or ` +
        'name another folder (--out).',
      { details: { name, path: this.#target, ...(hash && { hash: hash.value }) } },
    );
  }

  async #hashed({ algorithm, value }: NonNullable<Download['hash']>): Promise<{ hash: string } | { differs: string }> {
    const found = await stat(this.#target);
    if (!found.isFile()) return { differs: 'is no file' };
    const hash = await this.#hash(this.#target, algorithm, found.size);
    return hash === value ? { hash } : { differs: `has the ${algorithm} ${hash} instead of ${value}` };
  }

  async #noted(): Promise<{ hash: string } | { differs: string }> {
    const receipt = await readReceipt(this.#receipt);
    if (receipt === undefined) return { differs: `no note beside it (${this.#receipt}) says what it came from` };
    const { hash } = receipt;
    if (hash !== (this.#record.hash?.value ?? hash)) return { differs: 'comes from another version of the archive' };
    const { signal, onEvent, folder } = this.#options;
    const changed = await this.#stoppable(
      changedFiles(receipt, folder, {
        ...(signal && { signal }),
        onRead: (done, total) => onEvent?.({ type: 'verifying', done, total }),
      }),
    );
    if (changed.length === 0) return { hash };
    const named = changed.slice(0, 5).join(', ');
    return {
      differs: `${changed.length} of its files are not as they were: ${named}${changed.length > 5 ? ', ...' : ''}`,
    };
  }

  async #checkRoom(present: number): Promise<void> {
    const { folder } = this.#options;
    const { bytes, archive, name } = this.#record;
    const unpacked = archive?.bytes ?? 0;
    const needed = Math.max((bytes ?? unpacked) - present, 0) + unpacked;
    const { bavail, bsize, blocks } = await statfs(folder);
    const free = bavail * bsize;
    // Some network file systems tell nothing.
    if (blocks === 0 || free >= needed) return;
    throw new DownloadError(
      'download/disk-full',
      `${name} needs up to ${formatBytes(needed)} in ${folder}, where ${formatBytes(free)} are free. Make room, or name another folder (--out).`,
      { details: { folder, needed, free } },
    );
  }

  async #fetch(address: string, part: PartFile): Promise<void> {
    const { bytes, archive } = this.#record;
    const { idleTimeout = 30_000, retries = 4, retryDelay = 1000, signal, onEvent } = this.#options;
    await new FileFetcher(address, part, {
      ...(bytes !== undefined && { bytes }),
      limit: bytes ?? archive?.bytes ?? Number.MAX_SAFE_INTEGER,
      idleTimeout,
      retries,
      retryDelay,
      ...(signal && { signal }),
      ...(onEvent && { onEvent }),
    }).fetch();
  }

  /** The hash of what came, if it is the one that is expected. */
  async #verify(address: string, part: PartFile): Promise<string> {
    const { algorithm = 'sha256', value } = this.#record.hash ?? {};
    const received = await this.#hash(part.path, algorithm, part.size);
    if (received === (value ?? received)) return received;
    await part.remove();
    throw new DownloadError(
      'download/hash',
      `${fileName(this.#record)} from ${address} is not the right file: its ${algorithm} is ${received}, and ${value} is ` +
        'expected. It was removed. The same command fetches it anew; if that gives the same, name a mirror (--from).',
      { details: { file: fileName(this.#record), address, algorithm, received, expected: value } },
    );
  }

  async #hash(path: string, algorithm: 'sha256' | 'md5', total: number): Promise<string> {
    const { signal, onEvent } = this.#options;
    return this.#stoppable(
      hashFile(path, algorithm, {
        ...(signal && { signal }),
        onRead: (done) => onEvent?.({ type: 'verifying', done, total }),
      }),
    );
  }

  /** Puts what was fetched where it belongs, at once: nobody sees half of it. */
  async #place(part: PartFile, hash: string): Promise<void> {
    const { archive, hash: published } = this.#record;
    try {
      if (archive) await this.#unpack(part, archive, hash);
      else {
        const file = { path: posix.basename(this.#target), bytes: part.size, sha256: hash };
        if (!published) await writeReceipt(this.#receipt, { hash, files: [file] });
        await rename(part.path, this.#target);
      }
      await part.remove();
    } catch (cause) {
      if (!(cause instanceof DownloadError)) throw storageError(this.#target, cause);
      // The archive is the right one, and of no use: to fetch it again would not help.
      if (['download/archive', 'download/unsafe-archive', 'download/archive-size'].includes(cause.code)) {
        await part.remove();
      }
      throw cause;
    }
  }

  async #unpack(part: PartFile, archive: Archive, hash: string): Promise<void> {
    const { signal, onEvent } = this.#options;
    const draft = this.#hidden('unpacking');
    // A killed one may have left it.
    await rm(draft, { recursive: true, force: true });
    await nodeFileSystem.makeFolder(draft);
    try {
      const unpacked = unpack(part.path, archive, draft, {
        ...(signal && { signal }),
        onRead: (done) => onEvent?.({ type: 'unpacking', done, total: part.size }),
      });
      await writeReceipt(this.#receipt, { hash, files: await this.#stoppable(unpacked) });
      await rename(join(draft, archive.entry), this.#target);
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  }

  /** Gives what `work` gives; where it was stopped, the error that says so. */
  async #stoppable<T>(work: Promise<T>): Promise<T> {
    const { signal, folder } = this.#options;
    try {
      return await work;
    } catch (cause) {
      if (!signal?.aborted) throw cause instanceof DownloadError ? cause : storageError(folder, cause);
      const message = `Stopped while ${this.#record.name} was looked through; what was fetched is kept, and the same command goes on.`;
      throw new DownloadError('download/aborted', message, { cause });
    }
  }
}

/**
 * Brings what a record describes into a folder: fetched (resumed where an earlier call broke off or was killed), checked
 * by size and hash where they are published, and where it is an archive unpacked beside its place and moved there at once. What is there already
 * is checked, and not fetched again. One process at a time.
 * @throws DownloadError `download/status`, `download/redirects`, `download/size`, `download/connection`, `download/hash`,
 * `download/archive`, `download/unsafe-archive`, `download/archive-size`, `download/target` (something else is in its
 * place), `download/busy`, `download/disk-full`, `download/storage`, `download/aborted`; UsageError `usage/address`
 */
export async function download(record: Download, options: DownloadOptions): Promise<DownloadResult> {
  return new Downloader(record, options).run();
}
