import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { slimV2 } from '@graftjs/ckpt-slim';
import type { FileSystem, GraftError } from '@graftjs/core';
import { nodeFileSystem } from '@graftjs/core/node';
import { beforeAll, describe, expect, it } from 'vitest';
import { remainsOf } from '../test/remains.js';
import { temporaryFolder, tinyConfig, tinyContainer } from '../test/tiny.js';
import { finetune, resume } from './finetune.js';
import type { RunConfigInput } from './run-config.js';
import { readRunState } from './run-state.js';

const config = {
  ...tinyConfig,
  train: ['tiny_net/logits'],
  saveEvery: 4,
  evalEvery: 5,
  movingAverageDecay: 0.9,
} satisfies RunConfigInput;
const lastStep = 21;

/** A disk that has room for so many bytes more. */
function diskOf(room: number): FileSystem & { readonly used: number } {
  let used = 0;
  /** What of some bytes still fits, and the error for the rest. */
  const fill = (bytes: Uint8Array): { fitting: Uint8Array; full?: Error } => {
    const fitting = bytes.subarray(0, Math.max(0, room - used));
    used += fitting.length;
    if (fitting.length === bytes.length) return { fitting };
    return { fitting, full: Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' }) };
  };
  return {
    ...nodeFileSystem,
    get used() {
      return used;
    },
    write(path, chunks) {
      const limited = async function* () {
        for await (const chunk of chunks) {
          const { fitting, full } = fill(chunk);
          yield fitting;
          if (full) throw full;
        }
      };
      return nodeFileSystem.write(path, limited());
    },
    async append(path, bytes) {
      const { fitting, full } = fill(bytes);
      await nodeFileSystem.append(path, fitting);
      if (full) throw full;
    },
  };
}

const failureOf = (run: Promise<unknown>): Promise<GraftError> =>
  run.then(
    () => {
      throw new Error('It had room enough');
    },
    (error: GraftError) => error,
  );

let whole: Awaited<ReturnType<typeof remainsOf>>;
let total: number;
beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'graft-trainer-'));
  const files = diskOf(Number.POSITIVE_INFINITY);
  await finetune(config, tinyContainer(), {
    files,
    folder: `${folder}/run`,
    features: { folder: `${folder}/features` },
  });
  whole = await remainsOf(`${folder}/run`, lastStep);
  total = files.used;
  await rm(folder, { recursive: true });
});

const shares = [0, 0.002, ...Array.from({ length: 32 }, (_, index) => (index + 0.5) / 32)];

describe('a disk that is full', () => {
  it.each(shares)(
    'after %f of what a run writes: it is told, nothing earlier is harmed, and the run goes on',
    async (share) => {
      const folder = await temporaryFolder();
      const features = { folder: `${folder}/features` };
      const path = `${folder}/run`;
      const begun = finetune(config, tinyContainer(), {
        files: diskOf(Math.floor(share * total)),
        folder: path,
        features,
      });
      const error = await failureOf(begun);
      expect(error.code).toBe('run/cannot-write');
      expect(error.message).toMatch(/ENOSPC: no space left on device/);
      expect(error.message).toMatch(/make room/i);
      expect(error.message).toContain(folder);

      const names = await readdir(`${path}/checkpoints`).catch(() => []);
      const saved = names.filter((name) => name.endsWith('.index')).map((name) => Number(/\d+/.exec(name)![0]));
      expect(names.filter((name) => name.endsWith('.tmp'))).toEqual([]);
      for (const step of saved) {
        const checkpoint = `${path}/checkpoints/model.ckpt-${step}`;
        expect(await readRunState(`${checkpoint}.state.json`, nodeFileSystem)).toMatchObject({ step });
        const reader = await slimV2.open(checkpoint, nodeFileSystem);
        for (const name of reader.tensors.keys()) await reader.read(name);
        await reader.close();
      }

      const started = (await readdir(path).catch((): string[] => [])).includes('config.json');
      if (started) {
        // Still full: it fails in the same way, and leaves all as it was.
        const again = await failureOf(resume(path, tinyContainer(), { files: diskOf(0), features }));
        expect(again.code).toBe('run/cannot-write');
        await resume(path, tinyContainer(), { files: nodeFileSystem, features });
      } else {
        await finetune(config, tinyContainer(), { files: nodeFileSystem, folder: path, features });
      }
      expect(await remainsOf(path, lastStep)).toEqual(whole);
    },
  );
});
