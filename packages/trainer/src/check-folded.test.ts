import { type Graph, GraphBuilder } from '@graftjs/core';
import { describe, expect, it } from 'vitest';
import { checkFolded } from './check-folded.js';
import type { Weights } from './weights.js';

const builder = new GraphBuilder('net', { name: 'x', shape: [4, 4, 3], dtype: 'float32' });
const first = builder.conv2d(builder.input, { name: 'first', channels: 2, kernel: 1, batchNorm: { epsilon: 1e-3 } });
const graph: Graph = builder.build(
  builder.conv2d(first, { name: 'last', channels: 2, kernel: 1, batchNorm: { scale: true, epsilon: 1e-3 } }),
  [],
);

/** Weights of which `first` is folded, and `last` was never trained. */
function weights(variance = Math.fround(1 - 1e-3)): Weights {
  const values = new Map(
    graph.variables.map(({ name }) => [name, new Float32Array(2).fill(name.endsWith('variance') ? 1 : 0)]),
  );
  values.set('net/first/BatchNorm/moving_variance', new Float32Array(2).fill(variance));
  return { graph, read: (name: string) => values.get(name)! } as Weights;
}
const refused = { code: 'checkpoint/folded-batch-norm', details: { folded: ['net/first/BatchNorm/FusedBatchNormV3'] } };
const caught = (work: () => void): unknown => {
  try {
    work();
    return undefined;
  } catch (error) {
    return error;
  }
};

describe('batch normalization that is folded into convolutions', () => {
  const [inFirst, inLast] = [['net/first/BatchNorm/beta'], ['net/last/BatchNorm/beta']];
  it('is refused where the batch’s statistics, or the data’s, are to take its place', () => {
    expect(caught(() => checkFolded(weights(), inFirst, 'train'))).toMatchObject(refused);
    expect(caught(() => checkFolded(weights(), inLast, 'slim'))).toMatchObject(refused);
    expect(caught(() => checkFolded(weights(), inLast, 'recalibrated'))).toMatchObject(refused);
  });
  it('is taken where it stays as it is', () => {
    for (const policy of ['frozen', 'folded'] as const) checkFolded(weights(), [...inFirst, ...inLast], policy);
    checkFolded(weights(), inLast, 'train');
  });
  it('is not what was never trained, nor what has other statistics', () => {
    checkFolded(weights(1), inFirst, 'train');
    checkFolded(weights(0.5), inFirst, 'slim');
  });
});
