import { truncate } from 'node:fs/promises';
import { nodeFileSystem as files } from '@graftjs/core/node';
import { expect, it } from 'vitest';
import { readCheckpoint } from '../test/checkpoints.js';
import { temporaryFolder, tinyConfig, tinyContainer } from '../test/tiny.js';
import { evaluate } from './evaluate.js';
import { finetune } from './finetune.js';
import { openRun } from './open-run.js';

it('a run is opened with its newest weights, its data and its limits', async () => {
  const folder = `${await temporaryFolder()}/run`;
  const container = tinyContainer();
  const dataset = { ...tinyConfig.dataset, limitTest: 7 };
  const { metrics } = await finetune({ ...tinyConfig, dataset }, container, { files, folder });
  const run = await openRun(folder, container, { files });
  expect(run).toMatchObject({ folder, step: 21, checkpoint: `${folder}/checkpoints/model.ckpt-21` });
  const saved = await readCheckpoint(run.checkpoint);
  for (const { name } of run.graph.variables) {
    expect(run.session.read(name), name).toEqual(new Float32Array(saved.get(name)!.bytes.slice().buffer));
  }
  const { splits, classes } = await run.openDataset();
  expect(classes).toEqual(run.classes);
  const found = await evaluate(run.session, splits.test, classes, { preprocessing: run.preprocessing });
  expect(found).toMatchObject({ count: 7, top1: metrics.top1, loss: expect.closeTo(metrics.loss, 6) as number });
  await run.close();
});

it('a damaged checkpoint is told, and the one before it opened', async () => {
  const folder = `${await temporaryFolder()}/run`;
  const container = tinyContainer();
  await finetune(tinyConfig, container, { files, folder });
  await truncate(`${folder}/checkpoints/model.ckpt-21.data-00000-of-00001`, 10);
  const told: string[] = [];
  const run = await openRun(folder, container, { files, onUnreadable: (path) => told.push(path) });
  expect(told).toEqual([`${folder}/checkpoints/model.ckpt-21`]);
  expect(run.step).toBe(14);
  await run.close();
});

it('what a run does not have is told', async () => {
  const folder = `${await temporaryFolder()}/run`;
  const container = tinyContainer();
  await expect(openRun(folder, container, { files })).rejects.toMatchObject({ code: 'run/no-run' });
  const onEvent = () => {
    throw new Error('killed');
  };
  await expect(finetune(tinyConfig, container, { files, folder, onEvent })).rejects.toThrow('killed');
  await expect(openRun(folder, container, { files })).rejects.toThrow(/no checkpoint yet.*--resume/);
  await expect(openRun(folder, container, { files, checkpoint: 'best' })).rejects.toThrow(/Accepted: newest/);
});
