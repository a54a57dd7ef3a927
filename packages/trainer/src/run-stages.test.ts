import { readFile } from 'node:fs/promises';
import { nodeFileSystem as files } from '@graftjs/core/node';
import { expect, it } from 'vitest';
import { readCheckpoint } from '../test/checkpoints.js';
import { remainsOf } from '../test/remains.js';
import { temporaryFolder } from '../test/tiny.js';
import { tinyMaskConfig, tinyMaskContainer } from '../test/tiny-masks.js';
import type { RunEvent } from './events.js';
import { finetuneStages, resume } from './finetune.js';
import type { RunConfigInput } from './run-config.js';
import { openMaskRun } from './segmentation/open-mask-run.js';
import type { MaskScores } from './segmentation-metrics.js';

const { epochs: _, ...rest } = tinyMaskConfig;
const config = { ...rest, optimizer: 'momentum', steps: 6, saveEvery: 2 } satisfies RunConfigInput;
const stages = [{ model: 'tiny_coarse', learningRate: 0.05 }, { model: 'tiny_fine' }];

async function learningRates(folder: string): Promise<Set<number>> {
  const lines = (await readFile(`${folder}/metrics.jsonl`, 'utf8')).trimEnd().split('\n');
  const steps = lines.map((line) => JSON.parse(line) as { type: string; learningRate: number });
  return new Set(steps.filter(({ type }) => type === 'step').map(({ learningRate }) => learningRate));
}

it('each stage has its learning rate, starts from the one before, and is kept', async () => {
  const folder = `${await temporaryFolder()}/run`;
  const container = tinyMaskContainer();
  const events: RunEvent[] = [];
  const onEvent = (event: RunEvent) => events.push(event);
  // Of the second stage, what has moved in a step of no size is what the weights started from.
  const still = [stages[0]!, { model: 'tiny_fine', learningRate: 1e-30 }];
  const result = await finetuneStages(config, still, container, { files, folder, onEvent });
  expect(result).toMatchObject({
    run: folder,
    stages: [{ run: `${folder}/tiny_coarse` }, { run: `${folder}/tiny_fine` }],
  });
  expect(events.filter(({ type }) => type === 'stage')).toEqual([
    { type: 'stage', model: 'tiny_coarse', index: 0, count: 2 },
    { type: 'stage', model: 'tiny_fine', index: 1, count: 2 },
  ]);
  expect(await learningRates(`${folder}/tiny_coarse`)).toEqual(new Set([0.05]));
  expect(await learningRates(`${folder}/tiny_fine`)).toEqual(new Set([1e-30]));

  const [first, second] = await Promise.all(
    result.stages.map(({ run }) => readCheckpoint(`${run}/checkpoints/model.ckpt-6`)),
  );
  for (const name of ['tiny_net/conv1/weights', 'tiny_net/conv2/biases']) {
    expect(second!.get(name), name).toEqual(first!.get(name));
  }
  expect(second!.get('tiny_fine/score/weights')).toEqual(first!.get('tiny_coarse/score/weights'));
  expect(second!.has('tiny_fine/refine/weights')).toBe(true);

  for (const [path, model] of [
    [folder, 'tiny_fine'],
    [`${folder}/tiny_coarse`, 'tiny_coarse'],
  ] as const) {
    const opened = await openMaskRun(path, container, { files });
    expect(opened.config.model.name).toBe(model);
    await opened.close();
  }
});

it.each(['tiny_coarse', 'tiny_fine'])('goes on bit for bit after a stop in %s', async (model) => {
  const whole = `${await temporaryFolder()}/run`;
  const {
    run: _,
    stages: __,
    ...expected
  } = await finetuneStages(config, stages, tinyMaskContainer(), {
    files,
    folder: whole,
  });
  const folder = `${await temporaryFolder()}/run`;
  const stop = new AbortController();
  let current = '';
  const onEvent = (event: RunEvent) => {
    if (event.type === 'stage') current = event.model;
    if (event.type === 'step' && event.step === 4 && current === model) stop.abort();
  };
  const begun = finetuneStages(config, stages, tinyMaskContainer(), { files, folder, onEvent, signal: stop.signal });
  await expect(begun).rejects.toMatchObject({
    code: 'run/aborted',
    message: expect.stringMatching(new RegExp(`Go on with: graft finetune --resume ${folder}$`)),
  });
  expect(await resume<MaskScores>(folder, tinyMaskContainer(), { files })).toMatchObject({ run: folder, ...expected });
  for (const stage of ['tiny_coarse', 'tiny_fine']) {
    expect(await remainsOf(`${folder}/${stage}`, 6)).toEqual(await remainsOf(`${whole}/${stage}`, 6));
  }
});

async function stepLosses(folder: string): Promise<number[]> {
  const lines = (await readFile(`${folder}/metrics.jsonl`, 'utf8')).trimEnd().split('\n');
  const steps = lines.map((line) => JSON.parse(line) as { type: string; loss: number });
  return steps.filter(({ type }) => type === 'step').map(({ loss }) => loss);
}

it('goes on on another engine, and so do the stages after, as near to the end of one that stayed as rounding allows', async () => {
  const whole = `${await temporaryFolder()}/run`;
  await finetuneStages(config, stages, tinyMaskContainer(), { files, folder: whole });
  const folder = `${await temporaryFolder()}/run`;
  const onEvent = (event: RunEvent) => event.type === 'step' && event.step === 4 && stop.abort();
  let stop = new AbortController();
  const begun = finetuneStages(config, stages, tinyMaskContainer(), { files, folder, onEvent, signal: stop.signal });
  await expect(begun).rejects.toMatchObject({ code: 'run/aborted' });
  const plan = await readFile(`${folder}/stages.json`, 'utf8');
  const nowhere = resume(folder, tinyMaskContainer(), { files, engine: { name: 'tfjs', device: 'abacus' } });
  await expect(nowhere).rejects.toMatchObject({ code: 'usage/device' });
  expect(await readFile(`${folder}/stages.json`, 'utf8')).toBe(plan);

  // It is stopped again in the same stage: what comes after it knows of the move by the plan alone.
  stop = new AbortController();
  const engine = { name: 'tfjs', device: 'cpu' };
  const stopAtOnce = (event: RunEvent) => event.type === 'step' && stop.abort();
  const moved = resume(folder, tinyMaskContainer(), { files, engine, onEvent: stopAtOnce, signal: stop.signal });
  await expect(moved).rejects.toMatchObject({ code: 'run/aborted' });
  await resume(folder, tinyMaskContainer(), { files });
  for (const stage of ['tiny_coarse', 'tiny_fine']) {
    const record = JSON.parse(await readFile(`${folder}/${stage}/config.json`, 'utf8'));
    expect(record.engine, stage).toEqual(engine);
    const expected = await stepLosses(`${whole}/${stage}`);
    const found = await stepLosses(`${folder}/${stage}`);
    expect(found).toHaveLength(expected.length);
    for (const [index, loss] of found.entries())
      expect(Math.abs(loss / expected[index]! - 1), `${stage}, step ${index + 1}`).toBeLessThan(2e-3);
  }
});

it.each([
  ['usage/stages', /The stages are tiny_fine, tiny_coarse.*tiny_fine the last/, ['tiny_fine', 'tiny_coarse']],
  ['usage/stages', /The stages are tiny_fine, tiny_fine/, ['tiny_fine', 'tiny_fine']],
  ['plugin/missing', /no segmenter 'tiny_net'/, ['tiny_net', 'tiny_fine']],
] as const)('refuses with %s before anything is written: %s', async (code, message, names) => {
  const folder = `${await temporaryFolder()}/run`;
  const wrong = names.map((model) => ({ model }));
  const begun = finetuneStages(config, wrong, tinyMaskContainer(), { files, folder });
  await expect(begun).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  expect(await files.stat(folder)).toBeUndefined();
});

it('begins where a process was ended while it wrote the plan, and clears up', async () => {
  const folder = await temporaryFolder();
  await files.write(`${folder}/stages.json.0123456789ab.tmp`, [new TextEncoder().encode('{"stages":')]);
  await finetuneStages({ ...config, steps: 1 }, stages, tinyMaskContainer(), { files, folder });
  expect(await files.list(folder)).toEqual(['stages.json', 'tiny_coarse', 'tiny_fine']);
});

it('writes nothing where the first stage cannot begin', async () => {
  const folder = `${await temporaryFolder()}/run`;
  const begun = finetuneStages({ ...config, augment: ['vgg'] }, stages, tinyMaskContainer(), { files, folder });
  await expect(begun).rejects.toMatchObject({ code: 'usage/unknown-name' });
  expect(await files.stat(folder)).toBeUndefined();
});
