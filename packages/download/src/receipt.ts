import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeFileSystem } from '@graftjs/core/node';
import { hashFile } from './hash-file.js';
import type { UnpackedFile } from './unpack.js';

/**
 * What is noted in a hidden file beside what came of a download: of an archive that was unpacked, and of a file whose hash
 * nobody publishes.
 */
export interface Receipt {
  /** Of the file that was fetched: the one that is published, else its SHA-256. */
  readonly hash: string;
  readonly files: readonly UnpackedFile[];
}

function isReceipt(value: unknown): value is Receipt {
  const { hash, files } = (value ?? {}) as Partial<Receipt>;
  const isFile = (file: Partial<UnpackedFile> | null) =>
    typeof file?.path === 'string' && typeof file.bytes === 'number' && typeof file.sha256 === 'string';
  return typeof hash === 'string' && Array.isArray(files) && files.every(isFile);
}

/** The receipt at `path`; undefined where there is none that can be read. */
export async function readReceipt(path: string): Promise<Receipt | undefined> {
  try {
    const content: unknown = JSON.parse(await readFile(path, 'utf8'));
    return isReceipt(content) ? content : undefined;
  } catch {
    return undefined;
  }
}

export async function writeReceipt(path: string, receipt: Receipt): Promise<void> {
  await nodeFileSystem.write(path, [Buffer.from(JSON.stringify(receipt))]);
}

/**
 * The files of a receipt that are not, below `folder`, as they were unpacked: sizes are compared first, then hashes.
 * @param onRead called with the number of bytes that were hashed, and how many there are
 */
export async function changedFiles(
  { files }: Receipt,
  folder: string,
  options: { readonly signal?: AbortSignal; readonly onRead?: (done: number, total: number) => void } = {},
): Promise<string[]> {
  const changed: string[] = [];
  for (const { path, bytes } of files) {
    const found = await stat(join(folder, path)).catch(() => undefined);
    if (!found?.isFile() || found.size !== bytes) changed.push(path);
  }
  if (changed.length > 0) return changed;
  const { signal, onRead } = options;
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  let before = 0;
  for (const { path, bytes, sha256 } of files) {
    const hash = await hashFile(join(folder, path), 'sha256', {
      ...(signal && { signal }),
      onRead: (done) => onRead?.(before + done, total),
    });
    if (hash !== sha256) changed.push(path);
    before += bytes;
  }
  return changed;
}
