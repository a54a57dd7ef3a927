import { readFileSync } from 'node:fs';
import type { Optimizer } from '@graftjs/core';
import { formulaPicture, formulaVariable } from '@graftjs/core/testing';
import { onnxEngine } from '@graftjs/engine-onnx';
import { expect, it } from 'vitest';
import { resnetBackbones } from './index.js';

interface Recorded {
  readonly shape: readonly number[];
  readonly norm: number;
  readonly at: readonly number[];
  readonly values: readonly number[];
}

const fixture = JSON.parse(readFileSync(new URL('../fixtures/resnet_v1_50_64_8_10.json', import.meta.url), 'utf8')) as {
  size: number;
  batch: number;
  classes: number;
  weight_decay: number;
  steps: number;
  images: string[];
  labels: number[];
  losses: { values: [number, number][] };
  gradients_of_total_loss: Record<string, Recorded>;
  variables_after: Record<string, Recorded>;
};

const still: Optimizer = { name: 'still', slots: [], scalars: [], update() {} };

/** The largest difference at the recorded places, relative to the tensor's scale. */
function errorOf(values: Float32Array, { norm, at, values: expected }: Recorded): number {
  const scale = norm / Math.sqrt(values.length);
  return Math.max(...at.map((place, index) => Math.abs(values[place]! - expected[index]!) / scale));
}

it('has TensorFlow’s loss, gradients above its first rectifier and moving averages when it normalizes by the batch', async () => {
  const { size, batch, classes } = fixture;
  const graph = resnetBackbones.find(({ name }) => name === 'resnet_v1_50')!.build({ size, classes });
  const session = await onnxEngine.openTraining(graph, {
    trainable: graph.variables.filter(({ trainable }) => trainable).map(({ name }) => name),
    optimizer: still,
    weightDecay: fixture.weight_decay,
    batchStatistics: 'all',
  });
  for (const { name, shape } of graph.variables) session.write(name, formulaVariable(name, shape));
  const inputs = new Uint8Array(batch * size * size * 3);
  for (const [index, name] of fixture.images.entries())
    inputs.set(formulaPicture(name, size, size), index * size * size * 3);
  const labels = Int32Array.from(fixture.labels);

  const { loss } = await session.accumulate({ inputs, labels });
  const [crossEntropy, total] = fixture.losses.values[0]!;
  expect(Math.abs(loss / crossEntropy - 1)).toBeLessThan(1e-6);
  expect(Math.abs((loss + session.decayLoss()) / total - 1)).toBeLessThan(1e-6);
  for (const [name, recorded] of Object.entries(fixture.gradients_of_total_loss))
    expect(errorOf(session.gradient(name), recorded), name).toBeLessThan(1e-3);
  // The layers below block4 are the same in the second step, and each step moves their averages.
  for (let step = 1; step < fixture.steps; step++) await session.accumulate({ inputs, labels });
  for (const [name, recorded] of Object.entries(fixture.variables_after))
    expect(errorOf(session.read(name), recorded), name).toBeLessThan(5e-5);
  await session.close();
});
