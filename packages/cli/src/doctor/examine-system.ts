import { stat, statfs } from 'node:fs/promises';
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';
import { dirname, resolve } from 'node:path';
import { formatQuantity } from '../print.js';
import type { Problem } from './problem.js';

/** The machine, as this process may use it. Sizes are bytes. */
export interface SystemReport {
  readonly platform: string;
  readonly architecture: string;
  readonly processor: string;
  /** Processors that this process may use. */
  readonly cores: number;
  readonly memory: {
    readonly total: number;
    readonly available: number;
    /** What a container allows, where that is less than there is. */
    readonly limit?: number;
  };
  /** Room on the disks that the folders are on; a folder that is not there yet counts as the nearest above it. */
  readonly disks: readonly { readonly folder: string; readonly free: number }[];
}

/** What training anything takes. */
const leastMemory = 512 * 2 ** 20;
const leastDisk = 2 ** 30;

async function existing(folder: string): Promise<string> {
  for (let at = resolve(folder); ; at = dirname(at)) {
    if ((await stat(at).catch(() => undefined))?.isDirectory() || at === dirname(at)) return at;
  }
}

/** @param folders whose disks are looked at */
export async function examineSystem(
  folders: readonly string[],
): Promise<{ system: SystemReport; problems: readonly Problem[] }> {
  const total = totalmem();
  // Without a limit this is nothing, or more than there is.
  const constrained = process.constrainedMemory() ?? 0;
  const limit = constrained > 0 && constrained < total ? constrained : undefined;
  const available = process.availableMemory?.() ?? freemem();
  const disks = await Promise.all(
    folders.map(async (folder) => {
      const { bavail, bsize } = await statfs(await existing(folder));
      return { folder, free: bavail * bsize };
    }),
  );
  const problems: Problem[] = disks
    .filter(({ free }) => free < leastDisk)
    .map(({ folder, free }) => ({
      what: `Only ${formatQuantity(free, 'B')} are free in ${folder}.`,
      remedy: 'make room, or name another folder (--out for runs and downloads, GRAFT_CACHE for the cache)',
    }));
  if (available < leastMemory) {
    problems.push({
      what: `Only ${formatQuantity(available, 'B')} of memory are available.`,
      remedy: 'end other programs, or give the container more memory',
    });
  }
  const system = {
    platform: process.platform,
    architecture: process.arch,
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memory: { total, available, ...(limit !== undefined && { limit }) },
    disks,
  };
  return { system, problems };
}
