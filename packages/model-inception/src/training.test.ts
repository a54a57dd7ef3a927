import { readFileSync } from 'node:fs';
import type { Optimizer } from '@graftjs/core';
import { formulaPicture, formulaVariable } from '@graftjs/core/testing';
import { onnxEngine } from '@graftjs/engine-onnx';
import { expect, it } from 'vitest';
import { inceptionBackbones } from './index.js';

interface Recorded {
  readonly shape: readonly number[];
  readonly norm: number;
  readonly at: readonly number[];
  readonly values: readonly number[];
}

const fixture = JSON.parse(
  readFileSync(new URL('../fixtures/inception_v3_107_8_10.json', import.meta.url), 'utf8'),
) as {
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

it('has TensorFlow’s loss with 0.4 of the auxiliary one, its upper gradients and moving averages', async () => {
  const { size, batch, classes } = fixture;
  const graph = inceptionBackbones.find(({ name }) => name === 'inception_v3')!.build({ size, classes, dropout: 0 });
  const session = await onnxEngine.openTraining(graph, {
    trainable: graph.variables.filter(({ trainable }) => trainable).map(({ name }) => name),
    optimizer: still,
    weightDecay: fixture.weight_decay,
  });
  for (const { name, shape } of graph.variables) session.write(name, formulaVariable(name, shape));
  const inputs = new Uint8Array(batch * size * size * 3);
  for (const [index, name] of fixture.images.entries())
    inputs.set(formulaPicture(name, size, size), index * size * size * 3);
  const labels = Int32Array.from(fixture.labels);

  const { loss, auxiliaryLoss } = await session.accumulate({ inputs, labels });
  const [crossEntropy, total] = fixture.losses.values[0]!;
  // One place of each of 8 pictures is all that the upper layers are normalized by.
  expect(Math.abs(loss / crossEntropy - 1)).toBeLessThan(1e-4);
  expect(Math.abs((loss + auxiliaryLoss + session.decayLoss()) / total - 1)).toBeLessThan(1e-4);
  for (const [name, recorded] of Object.entries(fixture.gradients_of_total_loss))
    expect(errorOf(session.gradient(name), recorded), name).toBeLessThan(2e-3);
  for (let step = 1; step < fixture.steps; step++) await session.accumulate({ inputs, labels });
  for (const [name, recorded] of Object.entries(fixture.variables_after))
    expect(errorOf(session.read(name), recorded), name).toBeLessThan(1e-5);
  await session.close();
});
