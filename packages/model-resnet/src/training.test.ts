import { readFileSync } from 'node:fs';
import { openOracleTraining, recordedError, type TrainingOracle } from '@graftjs/core/testing';
import { onnxEngine } from '@graftjs/engine-onnx';
import { expect, it } from 'vitest';
import { resnetBackbones } from './index.js';

const oracle: TrainingOracle = JSON.parse(
  readFileSync(new URL('../fixtures/resnet_v1_50_64_8_10.json', import.meta.url), 'utf8'),
);

it('has TensorFlow’s loss, gradients above its first rectifier and moving averages when it normalizes by the batch', async () => {
  const { size, classes } = oracle;
  const graph = resnetBackbones.find(({ name }) => name === 'resnet_v1_50')!.build({ size, classes });
  const { session, batch } = await openOracleTraining(onnxEngine, graph, oracle, {
    batchStatistics: 'all',
  });

  const { loss } = await session.accumulate(batch);
  const [crossEntropy, total] = oracle.losses.values[0]!;
  expect(Math.abs(loss / crossEntropy - 1)).toBeLessThan(1e-6);
  expect(Math.abs((loss + session.decayLoss()) / total - 1)).toBeLessThan(1e-6);
  for (const [name, recorded] of Object.entries(oracle.gradients_of_total_loss))
    expect(recordedError(session.gradient(name), recorded), name).toBeLessThan(1e-3);
  // The layers below block4 are the same in the second step, and each step moves their averages.
  for (let step = 1; step < oracle.steps; step++) await session.accumulate(batch);
  for (const [name, recorded] of Object.entries(oracle.variables_after))
    expect(recordedError(session.read(name), recorded), name).toBeLessThan(5e-5);
  await session.close();
});
