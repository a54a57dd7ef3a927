import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Evaluation, RunResult } from '@graftjs/trainer';
import { expect, it } from 'vitest';
import { graft, graftInterrupted, oracles, temporaryFolder, writeCifar10 } from '../../test/graft.js';

const network = ['--model', 'vgg_a', '--head', 'pooled', '--size', '32', '--width', '0.0625'];

it('a run begins on TensorFlow.js, goes on on ONNX Runtime, and is evaluated on either', async () => {
  const folder = await temporaryFolder();
  const [run, data] = [join(folder, 'run'), await writeCifar10(join(folder, 'cifar10'))];
  const options = [...network, '--dataset', 'cifar10', '--data', data, '--batch-size', '10', '--steps', '8'];
  const begun = await graftInterrupted(
    ['finetune', ...options, '--eval-every', '2', '--engine', 'tfjs', '--backend', 'wasm', '--out', run],
    [/^Step 2, /m],
  );
  expect(begun.stderr).toMatch(/Stopped after [2-7] of 8 steps/);
  const engineOf = async () =>
    (JSON.parse(await readFile(join(run, 'config.json'), 'utf8')) as { engine: object }).engine;
  expect(await engineOf()).toEqual({ name: 'tfjs', device: 'wasm' });

  const moved = await graft(['finetune', '--resume', run, '--engine', 'onnx', '--json']);
  expect(moved.stderr).not.toMatch(/cannot/);
  const { steps, metrics } = JSON.parse(moved.stdout) as RunResult;
  expect(steps).toBe(8);
  expect(await engineOf()).toEqual({ name: 'onnx' });

  const evaluated = await graft(['evaluate', run, '--engine', 'tfjs', '--backend', 'wasm', '--json']);
  const evaluation = JSON.parse(evaluated.stdout) as Evaluation;
  expect(evaluation.loss).toBeCloseTo(metrics.loss, 5);
  expect(evaluation.top1).toBe(metrics.top1);
  expect(await engineOf()).toEqual({ name: 'onnx' });
});

it('refuses a device and a backend together, and a backend that no engine has', async () => {
  const both = await graft(['finetune', '--engine', 'tfjs', '--device', 'cpu', '--backend', 'cpu']);
  expect(both.status).toBe(2);
  expect(both.stderr).toMatch(/--backend <name>' cannot be used with option '--device/);
  const file = join(oracles, 'forward/resnet_v2_50_65.json');
  const other = await graft(['verify', file, '--engine', 'tfjs', '--backend', 'abacus']);
  expect(other.status).toBe(1);
  expect(other.stderr).toMatch(/does not run on 'abacus'\. Accepted: node-gpu, node, cpu, wasm, webgl\./);
});
