import { readdir, readFile, writeFile } from 'node:fs/promises';
import { definePlugin, ENGINE, type Engine, type Session } from '@graftjs/core';
import { nodeFileSystem as files } from '@graftjs/core/node';
import { onnxEngine } from '@graftjs/engine-onnx';
import { describe, expect, it } from 'vitest';
import { readCheckpoint } from '../test/checkpoints.js';
import { temporaryFolder, testCount, tinyConfig, tinyContainer, trainCount } from '../test/tiny.js';
import type { RunEvent } from './events.js';
import type { FeatureCacheOptions } from './feature-cache.js';
import { finetune, resume } from './finetune.js';
import type { RunConfigInput } from './run-config.js';

const headOnly = { ...tinyConfig, train: ['tiny_net/logits'], weightDecay: 0.01 } satisfies RunConfigInput;

/** Counts the examples that each session is asked to predict, by the output of its graph. */
function countingEngine(counts: Map<string, number>): Engine {
  return {
    ...onnxEngine,
    name: 'counting',
    async open(graph, options) {
      const session: Session = await onnxEngine.open(graph, options);
      return {
        ...session,
        predict(inputs, count, endPoints) {
          counts.set(graph.output, (counts.get(graph.output) ?? 0) + count);
          return session.predict(inputs, count, endPoints);
        },
      };
    },
  };
}

/** Runs it in a folder of its own. */
async function run(config: RunConfigInput, features?: FeatureCacheOptions) {
  const counts = new Map<string, number>();
  const counting = definePlugin({
    name: 'counting',
    register: (to) => void to.register(ENGINE, { useValue: countingEngine(counts) }),
  });
  const container = tinyContainer();
  counting.register(container);
  const folder = `${await temporaryFolder()}/run`;
  const events: RunEvent[] = [];
  const options = { files, onEvent: (event: RunEvent) => void events.push(event), ...(features && { features }) };
  const result = await finetune({ ...config, engine: { name: 'counting' } }, container, { ...options, folder });
  const variables = await readCheckpoint(`${folder}/checkpoints/model.ckpt-${result.steps}`);
  const frozen = events.find((event) => event.type === 'frozen');
  const losses = events.flatMap((event) => (event.type === 'step' ? [[event.loss, event.totalLoss]] : []));
  return { folder, container, result, counts, variables, frozen, losses };
}

const prefixOutput = 'tiny_net/pool/Mean';

describe('a frozen prefix', () => {
  it('is computed once an image, whatever the epochs, and changes nothing', async () => {
    const cache = { folder: `${await temporaryFolder()}/features` };
    const without = await run(headOnly);
    const once = await run(headOnly, cache);
    expect(once.frozen).toMatchObject({ output: 'tiny_net/pool', bytes: (trainCount + testCount) * 4 * 8 + 2 * 32 });
    expect(once.counts.get(prefixOutput)).toBe(trainCount + testCount);
    expect(once.losses.length).toBe(without.losses.length);
    for (const [step, [loss, totalLoss]] of without.losses.entries()) {
      expect(once.losses[step]![0]).toBeCloseTo(loss!, 4);
      expect(once.losses[step]![1]).toBeCloseTo(totalLoss!, 4);
    }
    expect(once.result.metrics.loss).toBeCloseTo(without.result.metrics.loss, 4);
    // Everything is saved, as without it.
    expect([...once.variables.keys()]).toEqual([...without.variables.keys()]);
  });

  it('leaves frozen layers out of the loss where weight decay is the optimizer’s', async () => {
    const cache = { folder: `${await temporaryFolder()}/features` };
    const { losses } = await run({ ...headOnly, optimizer: 'adamw', weightDecay: 0.1 }, cache);
    for (const [loss, totalLoss] of losses) expect(totalLoss).toBe(loss);
  });

  it('is found again by another run, and not by one of other weights', async () => {
    const cache = { folder: `${await temporaryFolder()}/features` };
    const first = await run(headOnly, cache);
    const again = await run({ ...headOnly, epochs: 5 }, cache);
    expect(again.counts.get(prefixOutput)).toBeUndefined();
    expect(again.losses.slice(0, first.losses.length)).toEqual(first.losses);
    const other = await run({ ...headOnly, seed: 7 }, cache);
    expect(other.counts.get(prefixOutput)).toBe(trainCount + testCount);
  });

  it('is computed again where its file is damaged', async () => {
    const cache = { folder: `${await temporaryFolder()}/features` };
    const first = await run(headOnly, cache);
    const names = await readdir(cache.folder);
    expect(names).toHaveLength(2);
    for (const name of names) {
      const bytes = await readFile(`${cache.folder}/${name}`);
      bytes[5]! ^= 1;
      await writeFile(`${cache.folder}/${name}`, bytes);
    }
    const again = await run(headOnly, cache);
    expect(again.counts.get(prefixOutput)).toBe(trainCount + testCount);
    expect(again.losses).toEqual(first.losses);
  });

  it('leaves a resumed run bit for bit what it would have been', async () => {
    const cache = { folder: `${await temporaryFolder()}/features` };
    const whole = await run({ ...headOnly, saveEvery: 4 }, cache);
    const folder = `${await temporaryFolder()}/run`;
    const stop = new AbortController();
    const onEvent = (event: RunEvent) => event.type === 'step' && event.step === 9 && stop.abort();
    const config = { ...headOnly, saveEvery: 4, engine: { name: 'counting' } };
    const options = { files, features: cache };
    const stopped = finetune(config, whole.container, { ...options, folder, signal: stop.signal, onEvent });
    await expect(stopped).rejects.toMatchObject({ code: 'run/aborted' });
    const { steps } = await resume(folder, whole.container, options);
    expect(await readCheckpoint(`${folder}/checkpoints/model.ckpt-${steps}`)).toEqual(whole.variables);
  });

  it('makes room for itself among the features of other runs', async () => {
    const cache = { folder: `${await temporaryFolder()}/features`, limit: 3000 };
    await run(headOnly, cache);
    await writeFile(`${cache.folder}/0123.features.4567.tmp`, new Uint8Array(900));
    const before = await readdir(cache.folder);
    await run({ ...headOnly, seed: 7 }, cache);
    const after = await readdir(cache.folder);
    const sizes = await Promise.all(after.map(async (name) => (await readFile(`${cache.folder}/${name}`)).length));
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(cache.limit);
    expect(after.filter((name) => !before.includes(name))).toHaveLength(2);
  });

  it.each([
    ['augmentation', { ...headOnly, augment: ['flip'] }, 1e9, /augmentation \(flip\)/],
    ['a limit that is too small', headOnly, 1000, /2336 bytes.*1000/],
  ])('is computed in every step under %s, and says why', async (_, config, limit, reason) => {
    const cache = { folder: `${await temporaryFolder()}/features`, limit };
    const { frozen, counts } = await run(config, cache);
    expect(frozen).toMatchObject({ reason: expect.stringMatching(reason) });
    expect(counts.get(prefixOutput)).toBeUndefined();
    await expect(readdir(cache.folder)).rejects.toThrow('ENOENT');
  });

  it('that cannot be kept is told, with the folder', async () => {
    const file = `${await temporaryFolder()}/file`;
    await writeFile(file, '');
    await expect(run(headOnly, { folder: `${file}/features` })).rejects.toMatchObject({
      code: 'run/cannot-write',
      message: expect.stringContaining(`${file}/features`),
    });
  });
});
