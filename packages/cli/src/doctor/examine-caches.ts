import { access, constants, lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Problem } from './problem.js';

/** A folder of what can be had again. */
export interface CacheReport {
  readonly name: string;
  readonly folder: string;
  readonly files: number;
  /** Of all files together. */
  readonly bytes: number;
}

async function measure(folder: string): Promise<{ files: number; bytes: number }> {
  let [files, bytes] = [0, 0];
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      const inside = await measure(path);
      files += inside.files;
      bytes += inside.bytes;
    } else {
      files++;
      // It may be gone by now: others use the cache, too.
      bytes += (await lstat(path).catch(() => ({ size: 0 }))).size;
    }
  }
  return { files, bytes };
}

/** @param folders by what is kept in them; one that is missing is empty */
export async function examineCaches(
  folders: Readonly<Record<string, string>>,
): Promise<{ caches: readonly CacheReport[]; problems: readonly Problem[] }> {
  const caches: CacheReport[] = [];
  const problems: Problem[] = [];
  for (const [name, folder] of Object.entries(folders)) {
    caches.push({ name, folder, ...(await measure(folder)) });
    const refusal = await access(folder, constants.R_OK | constants.W_OK | constants.X_OK).then(
      () => undefined,
      (error: NodeJS.ErrnoException) => error,
    );
    if (refusal === undefined || refusal.code === 'ENOENT') continue;
    problems.push({
      what: `The cache ${folder} cannot be used: ${refusal.message}.`,
      remedy: 'let GRAFT_CACHE name a folder that can be written',
    });
  }
  return { caches, problems };
}
