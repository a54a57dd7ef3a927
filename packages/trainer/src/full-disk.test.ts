import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { slimV2 } from '@graftjs/ckpt-slim';
import type { GraftError } from '@graftjs/core';
import { nodeFileSystem } from '@graftjs/core/node';
import { beforeAll, describe, expect, it } from 'vitest';
import { diskOf } from '../test/disk-of.js';
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
