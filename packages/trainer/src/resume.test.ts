import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FileSystem } from '@graftjs/core';
import { nodeFileSystem } from '@graftjs/core/node';
import { beforeAll, describe, expect, it } from 'vitest';
import { remainsOf as remainsOfRun } from '../test/remains.js';
import { colourSet, colourSplit, temporaryFolder, tinyConfig, tinyContainer } from '../test/tiny.js';
import type { RunEvent } from './events.js';
import { finetune, resume } from './finetune.js';
import { optimizers } from './optimizers/optimizers.js';
import type { RunConfigInput } from './run-config.js';
import type { RunOptions } from './run-options.js';
import type { RunResult } from './start-run.js';

/** All that draws or carries something over from step to step: 3 epochs of 7 steps, evaluations and saves at odds. */
const config = {
  ...tinyConfig,
  augment: ['crop', 'flip'],
  schedule: 'cosine,warmup=3',
  weightDecay: 0.001,
  evalEvery: 5,
  saveEvery: 4,
  seed: 3,
} satisfies RunConfigInput;
const lastStep = 21;

const remainsOf = (folder: string) => remainsOfRun(folder, lastStep);

/** The run that was never stopped. */
let whole: { result: Omit<RunResult, 'run'>; remains: Awaited<ReturnType<typeof remainsOf>> };
beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'graft-trainer-'));
  const { run: _, ...result } = await finetune(config, tinyContainer(), { files: nodeFileSystem, folder });
  whole = { result, remains: await remainsOf(folder) };
  await rm(folder, { recursive: true });
});

/** Stops by the signal at the first event that `when` is true of. */
function stopping(when: (event: RunEvent) => boolean): Pick<RunOptions, 'onEvent' | 'signal'> {
  const controller = new AbortController();
  return { signal: controller.signal, onEvent: (event) => when(event) && controller.abort() };
}

const dying = (when: (event: RunEvent) => boolean): Pick<RunOptions, 'onEvent'> => ({
  onEvent(event) {
    if (when(event)) throw new Error('killed');
  },
});

const at = (type: 'step' | 'evaluating' | 'saved', step: number) => (event: RunEvent) =>
  event.type === type && event.step === step;

describe('a run that was stopped goes on as if it had not been', () => {
  it('by the signal, having saved: at any step, at an evaluation, more than once', async () => {
    const folder = `${await temporaryFolder()}/run`;
    const container = tinyContainer();
    const files = nodeFileSystem;
    const begun = finetune(config, container, { files, folder, ...stopping(at('step', 2)) });
    await expect(begun).rejects.toMatchObject({ code: 'run/aborted', details: { step: 2 } });
    await expect(begun).rejects.toThrow(`Stopped after 2 of 21 steps. Go on with: graft finetune --resume ${folder}`);
    for (const when of [at('step', 5), at('evaluating', 5), at('step', 8), at('step', 20), at('evaluating', 21)]) {
      const events: RunEvent[] = [];
      const stop = stopping(when);
      const onEvent = (event: RunEvent) => {
        events.push(event);
        stop.onEvent!(event);
      };
      await expect(resume(folder, container, { ...stop, files, onEvent })).rejects.toMatchObject({
        code: 'run/aborted',
      });
      expect(events.at(-1)).toMatchObject({ type: 'stopped', reason: 'aborted' });
    }
    const { run: _, ...result } = await resume(folder, container, { files });
    expect(result).toEqual(whole.result);
    const { metrics, weights, state } = await remainsOf(folder);
    expect(metrics).toEqual(whole.remains.metrics);
    expect(weights).toEqual(whole.remains.weights);
    expect(state).toEqual(whole.remains.state);
  });

  it.each([1, 4, 6, 10, 15, 21])('killed at step %i', async (step) => {
    const folder = `${await temporaryFolder()}/run`;
    const container = tinyContainer();
    await expect(
      finetune(config, container, { files: nodeFileSystem, folder, ...dying(at('step', step)) }),
    ).rejects.toThrow('killed');
    const { run, ...result } = await resume(folder, container, { files: nodeFileSystem });
    expect(run).toBe(folder);
    expect(result).toEqual(whole.result);
    expect(await remainsOf(folder)).toEqual(whole.remains);
  });

  it.each(Object.keys(optimizers))('with %s, all that bears on the updates, and accumulation', async (optimizer) => {
    const updates = { clipNorm: 1, clipValue: 0.2, multipliers: { 'tiny_net/conv1': 0.5 }, movingAverageDecay: 0.9 };
    const losses = { labelSmoothing: 0.1, classWeights: 'balanced' } as const;
    const all = { ...config, ...updates, ...losses, optimizer, batchSize: 4, accumulate: 2 } satisfies RunConfigInput;
    const folders = [`${await temporaryFolder()}/whole`, `${await temporaryFolder()}/stopped`] as const;
    const container = tinyContainer();
    await finetune(all, container, { files: nodeFileSystem, folder: folders[0] });
    const begun = finetune(all, container, { files: nodeFileSystem, folder: folders[1], ...dying(at('step', 10)) });
    await expect(begun).rejects.toThrow('killed');
    await resume(folders[1], container, { files: nodeFileSystem });
    expect(await remainsOf(folders[1])).toEqual(await remainsOf(folders[0]));
  });

  it('killed while a checkpoint was written', async () => {
    for (const file of ['model.ckpt-12.data-00000-of-00001', 'model.ckpt-12.index', 'model.ckpt-12.state.json']) {
      const folder = `${await temporaryFolder()}/run`;
      const container = tinyContainer();
      let killed = false;
      const files: FileSystem = {
        ...nodeFileSystem,
        async write(path, chunks) {
          if (!path.endsWith(file)) return nodeFileSystem.write(path, chunks);
          await writeFile(`${path}.0123.tmp`, 'a draft');
          killed = true;
          throw new Error('killed');
        },
        // Nothing is tidied up after a kill.
        remove: (path) => (killed ? Promise.reject(new Error('killed')) : nodeFileSystem.remove(path)),
      };
      await expect(finetune(config, container, { files, folder })).rejects.toThrow('killed');
      const starts: number[] = [];
      const onEvent = (event: RunEvent) => event.type === 'start' && starts.push(event.step);
      const { run: _, ...result } = await resume(folder, container, { files: nodeFileSystem, onEvent });
      expect(starts).toEqual([8]);
      expect(result).toEqual(whole.result);
      expect(await remainsOf(folder)).toEqual(whole.remains);
    }
  });

  it('killed after its last checkpoint was whole, before the folder was in order', async () => {
    const folder = await temporaryFolder();
    await finetune(config, tinyContainer(), { files: nodeFileSystem, folder });
    const note = `${folder}/checkpoints/checkpoint`;
    const [expected, remains] = [await readFile(note, 'utf8'), await remainsOf(folder)];
    await writeFile(note, 'model_checkpoint_path: "model.ckpt-20"\n');
    for (const name of ['checkpoint.0123456789ab.tmp', 'model.ckpt-2.index']) {
      await writeFile(`${folder}/checkpoints/${name}`, '');
    }
    await resume(folder, tinyContainer(), { files: nodeFileSystem });
    expect(await readFile(note, 'utf8')).toBe(expected);
    expect(await remainsOf(folder)).toEqual(remains);
  });

  it('that has ended gives its result again, and nothing changes', async () => {
    const folder = `${await temporaryFolder()}/run`;
    const container = tinyContainer();
    const first = await finetune(config, container, { files: nodeFileSystem, folder });
    const remains = await remainsOf(folder);
    const steps: RunEvent[] = [];
    const onEvent = (event: RunEvent) => event.type === 'step' && steps.push(event);
    expect(await resume(folder, container, { files: nodeFileSystem, onEvent })).toEqual(first);
    expect(steps).toEqual([]);
    expect(await remainsOf(folder)).toEqual(remains);
  });
});

describe('a run does not go on', () => {
  it('on a data set of other classes', async () => {
    const folder = `${await temporaryFolder()}/run`;
    const splits = () => ({ train: colourSplit(9, 0), test: colourSplit(9, 100) });
    await finetune({ ...config, epochs: 1 }, tinyContainer(), { files: nodeFileSystem, folder });
    const renamed = JSON.parse(await readFile(`${folder}/config.json`, 'utf8')) as RunConfigInput;
    renamed.dataset.name = 'others';
    await writeFile(`${folder}/config.json`, JSON.stringify(renamed));
    const failure = (classes: string[]) =>
      resume(folder, tinyContainer(colourSet('others', splits, classes)), { files: nodeFileSystem });
    await expect(failure(['red', 'green', 'cyan'])).rejects.toThrow(/lacks blue and has cyan besides/);
    await expect(failure(['green', 'red', 'blue'])).rejects.toThrow(/in another order/);
  });
});
