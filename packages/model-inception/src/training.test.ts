import { readFileSync } from 'node:fs';
import { openOracleTraining, recordedError, type TrainingOracle } from '@graftjs/core/testing';
import { onnxEngine } from '@graftjs/engine-onnx';
import { expect, it } from 'vitest';
import { inceptionBackbones } from './index.js';

const oracle: TrainingOracle = JSON.parse(
  readFileSync(new URL('../fixtures/inception_v3_107_8_10.json', import.meta.url), 'utf8'),
);

it('has TensorFlow’s loss with 0.4 of the auxiliary one, its upper gradients and moving averages', async () => {
  const { size, classes } = oracle;
  const graph = inceptionBackbones.find(({ name }) => name === 'inception_v3')!.build({ size, classes, dropout: 0 });
  const { session, batch } = await openOracleTraining(onnxEngine, graph, oracle);

  const { loss, auxiliaryLoss } = await session.accumulate(batch);
  const [crossEntropy, total] = oracle.losses.values[0]!;
  // One place of each of 8 images is all that the upper layers are normalized by.
  expect(Math.abs(loss / crossEntropy - 1)).toBeLessThan(1e-4);
  expect(Math.abs((loss + auxiliaryLoss + session.decayLoss()) / total - 1)).toBeLessThan(1e-4);
  for (const [name, recorded] of Object.entries(oracle.gradients_of_total_loss))
    expect(recordedError(session.gradient(name), recorded), name).toBeLessThan(2e-3);
  for (let step = 1; step < oracle.steps; step++) await session.accumulate(batch);
  for (const [name, recorded] of Object.entries(oracle.variables_after))
    expect(recordedError(session.read(name), recorded), name).toBeLessThan(1e-5);
  await session.close();
});
