import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Evaluation, RunResult } from '@graftjs/trainer';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { graft, graftInterrupted, graftStarted, writeCifar10 } from '../../test/graft.js';

let folder: string;
let data: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'graft-in-use-'));
  data = await writeCifar10(join(folder, 'cifar10'));
});
afterAll(() => rm(folder, { recursive: true }));

const network = ['--model', 'vgg_a', '--head', 'pooled', '--size', '32', '--width', '0.0625', '--dropout', '0.2'];
const rhythm = ['--eval-every', '2', '--save-every', '1', '--limit-test', '10', '--batch-size', '10'];
const finetune = (run: string, steps: number) => {
  const options = [...network, ...rhythm, '--dataset', 'cifar10', '--data', data, '--steps', String(steps)];
  return ['finetune', ...options, '--seed', '5', '--out', run];
};

it('a run that goes on is its process’s alone, open to all who read, and free the moment that it is killed', async () => {
  const run = join(folder, 'run');
  const training = await graftStarted(finetune(run, 100_000), /^Step 4, /m);
  for (const args of [finetune(run, 3), ['finetune', '--resume', run]]) {
    const { status, stdout, stderr } = await graft(args);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toContain(`${run} is in use by process ${training.pid} on `);
    expect(stderr).toMatch(/Wait until that has ended, or stop it there by Ctrl-C, or choose another folder/);
  }
  const evaluated = await graft(['evaluate', run, '--json']);
  expect(evaluated.status).toBe(0);
  expect((JSON.parse(evaluated.stdout) as Evaluation).count).toBe(10);
  const inspected = await graft(['inspect', run, '--json']);
  expect(inspected.status).toBe(0);

  training.kill('SIGKILL');
  await training.ended;
  expect(existsSync(join(run, 'lock'))).toBe(true);
  const resumed = await graftInterrupted(['finetune', '--resume', run], [/^Going on after step \d+ with vgg_a/m]);
  expect(resumed.status).toBe(130);
  expect(resumed.stderr).toMatch(/Stopped after \d+ of 100000 steps\. Go on with: graft finetune --resume/);
  expect(await readdir(run)).not.toContain('lock');
});

it('a run that was ended by Ctrl-C twice, in the middle of something, goes on to the same end as one that was not', async () => {
  const [parted, whole] = [join(folder, 'parted'), join(folder, 'whole')];
  const lines = [/^Step 8, /m, /^Stopping after this step/m];
  expect((await graftInterrupted(finetune(parted, 30), lines)).status).toBe(130);
  const resumed = await graft(['finetune', '--resume', parted, '--json']);
  const unbroken = await graft([...finetune(whole, 30), '--json']);
  const result = ({ stdout }: { stdout: string }) => ({ ...(JSON.parse(stdout) as RunResult), run: '' });
  expect(result(resumed)).toEqual(result(unbroken));
  const weights = (run: string) => readFile(join(run, 'checkpoints/model.ckpt-30.data-00000-of-00001'));
  expect((await weights(parted)).equals(await weights(whole))).toBe(true);
});
