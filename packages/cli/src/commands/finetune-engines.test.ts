import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formulaImage } from '@graftjs/core/testing';
import type { Evaluation, Prediction, RunResult } from '@graftjs/trainer';
import sharp from 'sharp';
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

  const image = join(folder, 'image.png');
  await writeFile(
    image,
    await sharp(formulaImage('an image', 32, 32), { raw: { height: 32, width: 32, channels: 3 } })
      .png()
      .toBuffer(),
  );
  const predictions: number[][] = [];
  for (const engine of [['onnx'], ['tfjs', '--backend', 'wasm']]) {
    const { stdout, stderr } = await graft(['predict', run, image, '--top', '10', '--json', '--engine', ...engine]);
    expect(stderr).toBe('');
    const [{ predictions: found }] = JSON.parse(stdout) as [{ predictions: Prediction[] }];
    predictions.push([...found].sort((a, b) => a.index - b.index).map(({ probability }) => probability));
  }
  for (const [index, probability] of predictions[1]!.entries())
    expect(probability).toBeCloseTo(predictions[0]![index]!, 5);
  const exported = await graft([
    'export',
    run,
    '--out',
    join(folder, 'model.onnx'),
    '--engine',
    'tfjs',
    '--backend',
    'wasm',
    '--json',
  ]);
  expect((JSON.parse(exported.stdout) as { difference: number }).difference).toBeLessThan(1e-5);
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
