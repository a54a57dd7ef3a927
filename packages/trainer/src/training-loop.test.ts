import { readFile } from 'node:fs/promises';
import { checkClose } from '@graftjs/core/testing';
import { describe, expect, it } from 'vitest';
import { readVariable } from '../test/checkpoints.js';
import { runTiny, tinySteps } from '../test/run-tiny.js';
import { colourSplit, tinyConfig, tinyNet } from '../test/tiny.js';
import { trainingBatches } from './batches.js';
import { resolveClassWeights } from './class-weights.js';
import { initialValue } from './initializers.js';
import { createPreprocessing } from './preprocessing/create-preprocessing.js';
import type { RunConfigInput } from './run-config.js';

describe('clipping', () => {
  /** How far plain gradient descent at a rate of 1 moves the weights in a step: the gradient. */
  const moved = async (change: Partial<RunConfigInput>) => {
    const { folder } = await runTiny({ ...tinySteps(1), optimizer: 'sgd', learningRate: 1, ...change });
    const after = await Promise.all(
      tinyNet.build().variables.map(async (variable) => {
        const start = initialValue(variable, 0);
        const end = await readVariable(`${folder}/checkpoints/model.ckpt-1`, variable.name);
        return Array.from(end, (value, index) => value - start[index]!);
      }),
    );
    return after.flat();
  };
  const norm = (values: readonly number[]) => Math.hypot(...values);

  it('by norm shortens the step and keeps its direction', async () => {
    const plain = await moved({});
    const clipped = await moved({ clipNorm: 0.01 });
    expect(norm(plain)).toBeGreaterThan(0.02);
    expect(norm(clipped)).toBeCloseTo(0.01, 6);
    for (const [index, value] of clipped.entries()) expect(value).toBeCloseTo((plain[index]! * 0.01) / norm(plain), 6);
    expect(await moved({ clipNorm: 100 })).toEqual(plain);
  });

  it('by value cuts the largest elements', async () => {
    const plain = await moved({});
    const clipped = await moved({ clipValue: 0.005 });
    expect(Math.max(...plain.map(Math.abs))).toBeGreaterThan(0.01);
    for (const [index, value] of clipped.entries()) {
      expect(value).toBeCloseTo(Math.sign(plain[index]!) * Math.min(Math.abs(plain[index]!), 0.005), 6);
    }
  });
});

it('multipliers make the steps of their scopes as many times as long', async () => {
  const moves = async (change: Partial<RunConfigInput>) => {
    const { folder } = await runTiny({ ...tinySteps(1), optimizer: 'sgd', ...change });
    const moved = new Map<string, Float32Array>();
    for (const variable of tinyNet.build().variables) {
      const start = initialValue(variable, 0);
      const end = await readVariable(`${folder}/checkpoints/model.ckpt-1`, variable.name);
      moved.set(
        variable.name,
        end.map((value, index) => value - start[index]!),
      );
    }
    return moved;
  };
  const plain = await moves({});
  const multiplied = await moves({ multipliers: { tiny_net: 0.5, 'tiny_net/logits': 10 } });
  for (const [name, before] of plain) {
    const factor = name.startsWith('tiny_net/logits') ? 10 : 0.5;
    expect(before.some((value) => value !== 0)).toBe(true);
    checkClose(
      multiplied.get(name)!,
      before.map((value) => factor * value),
      1e-3,
      name,
    );
  }
});

it('label smoothing is in the loss of steps, and not in evaluations', async () => {
  const plain = await runTiny({ ...tinySteps(1), learningRate: 1e-12 });
  const smoothed = await runTiny({ ...tinySteps(1), learningRate: 1e-12, labelSmoothing: 0.2 });
  expect(smoothed.result.metrics.loss).toBeCloseTo(plain.result.metrics.loss, 6);
  expect(smoothed.result.loss).not.toBeCloseTo(plain.result.loss, 3);
});

describe('class weights', () => {
  it('weigh the loss of each image', async () => {
    const { folder, of } = await runTiny({ ...tinySteps(1), classWeights: { red: 3 }, learningRate: 1e-12 });
    const others = await runTiny({ ...tinySteps(1), classWeights: { green: 3, blue: 3 }, learningRate: 1e-12 });
    const plain = await runTiny({ ...tinySteps(1), learningRate: 1e-12 });
    const [red, rest, all] = [of('step')[0]!, others.of('step')[0]!, plain.of('step')[0]!].map(({ loss }) => loss);
    // 3 r + g + b and r + 3 g + 3 b, of the same dropout.
    expect(red! + rest!).toBeCloseTo(4 * all!, 5);
    expect(red!).not.toBeCloseTo(rest!, 2);
    expect(JSON.parse(await readFile(`${folder}/config.json`, 'utf8'))).toMatchObject({ classWeights: { red: 3 } });
  });

  it('balanced, give rare classes as much as others', async () => {
    const skewed = colourSplit(60, 0);
    const rare = { ...skewed, labels: skewed.labels.map((label, index) => (label === 0 && index >= 12 ? 1 : label)) };
    const weights = resolveClassWeights('balanced', ['red', 'green', 'blue'], rare.labels)!;
    const sums = [0, 0, 0];
    const options = { size: 8, preprocessing: createPreprocessing(['none']), batchSize: 7, seed: 1, to: 9 };
    for await (const batch of trainingBatches(rare, { ...options, classWeights: weights })) {
      for (const [place, label] of batch.labels.entries()) sums[label]! += batch.weights[place]! * batch.labels.length;
    }
    for (const sum of sums) expect(sum).toBeCloseTo(20, 4);
  });
});

describe('accumulation', () => {
  it('is training on batches so many times as large, without dropout', async () => {
    const config = { ...tinyConfig, model: { name: 'tiny_net', dropout: 0 }, augment: ['flip'], weightDecay: 0.01 };
    const whole = await runTiny({ ...config, batchSize: 12 });
    const pieces = await runTiny({ ...config, batchSize: 4, accumulate: 3 });
    expect(pieces.events[0]).toMatchObject({ type: 'start', totalSteps: 15, stepsPerEpoch: 5 });
    expect(pieces.of('evaluation').map(({ step }) => step)).toEqual([5, 10, 15]);
    const [expected, found] = [whole.of('step'), pieces.of('step')];
    expect(found.map(({ step, epoch }) => [step, epoch])).toEqual(expected.map(({ step, epoch }) => [step, epoch]));
    for (const [index, { loss, totalLoss }] of found.entries()) {
      expect(loss).toBeCloseTo(expected[index]!.loss, 5);
      expect(totalLoss).toBeCloseTo(expected[index]!.totalLoss, 5);
    }
    for (const { name } of tinyNet.build().variables) {
      const [after, weights] = await Promise.all(
        [pieces, whole].map(({ folder }) => readVariable(`${folder}/checkpoints/model.ckpt-15`, name)),
      );
      checkClose(after!, weights!, 1e-4, name);
    }
  });
});
