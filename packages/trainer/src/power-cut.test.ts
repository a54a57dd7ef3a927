import { appendFile, truncate } from 'node:fs/promises';
import type { FileSystem } from '@graftjs/core';
import { nodeFileSystem } from '@graftjs/core/node';
import { expect, it } from 'vitest';
import { remainsOf } from '../test/remains.js';
import { temporaryFolder, tinyConfig, tinyContainer } from '../test/tiny.js';
import { finetune, resume } from './finetune.js';
import type { RunConfigInput } from './run-config.js';

const config = { ...tinyConfig, saveEvery: 4, evalEvery: 5 } satisfies RunConfigInput;
const lastStep = 21;

/** A disk whose power is cut at the n-th line of metrics: it keeps what was synced, and half of the line after. */
function cutAt(line: number): FileSystem & { readonly off: () => Promise<void> } {
  /** By path, how much of a file that was appended to is safe. */
  const safe = new Map<string, number>();
  const unsafe = new Map<string, Uint8Array>();
  let lines = 0;
  return {
    ...nodeFileSystem,
    async append(path, bytes) {
      if (++lines >= line) throw new Error('the power is cut');
      if (!safe.has(path)) safe.set(path, 0);
      if (!unsafe.has(path)) unsafe.set(path, bytes);
      await nodeFileSystem.append(path, bytes);
    },
    async sync(path) {
      await nodeFileSystem.sync(path);
      safe.set(path, (await nodeFileSystem.stat(path))!.size);
      unsafe.delete(path);
    },
    async off() {
      for (const [path, size] of safe) {
        await truncate(path, size);
        const torn = unsafe.get(path) ?? new Uint8Array();
        await appendFile(path, torn.subarray(0, torn.length / 2));
      }
    },
  };
}

it.each([3, 7, 15, 26])(
  'a run whose power is cut at line %i of its metrics ends as one that was never stopped',
  async (line) => {
    const whole = await temporaryFolder();
    await finetune(config, tinyContainer(), { files: nodeFileSystem, folder: whole });
    const folder = await temporaryFolder();
    const files = cutAt(line);
    const begun = finetune(config, tinyContainer(), { files, folder });
    await expect(begun).rejects.toMatchObject({ code: 'run/cannot-write' });
    await files.off();
    await resume(folder, tinyContainer(), { files: nodeFileSystem });
    expect(await remainsOf(folder, lastStep)).toEqual(await remainsOf(whole, lastStep));
  },
);
