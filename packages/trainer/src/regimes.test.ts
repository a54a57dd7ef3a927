import { GraphBuilder, type RestoreRow, UsageError } from '@graftjs/core';
import { expect, it } from 'vitest';
import { selectTrainable } from './regimes.js';

const builder = new GraphBuilder('net', { name: 'images', shape: [4, 4, 3], dtype: 'uint8' });
builder.variable('norm/moving_mean', [3], { initializer: { kind: 'constant', value: 0 }, trainable: false });
const features = builder.conv2d(builder.normalize(builder.input, { mean: [0, 0, 0], scale: 1 }), {
  name: 'conv',
  channels: 2,
  kernel: 3,
});
const hidden = builder.conv2d(features, { name: 'fc1', channels: 2, kernel: 4, padding: 'VALID' });
const graph = builder.build(builder.conv2d(hidden, { name: 'fc2', channels: 2, kernel: 1 }), ['fc2']);

const rows = (status: (name: string) => RestoreRow['status']) =>
  graph.variables.map(({ name, shape }) => ({ name, expected: shape, status: status(name) }));
const layers = (...names: string[]) => names.flatMap((name) => [`net/${name}/weights`, `net/${name}/biases`]);

it('all leaves out what no gradient reaches', () => {
  expect(selectTrainable(graph, 'all')).toEqual(layers('conv', 'fc1', 'fc2'));
});

it('head is the head and what the checkpoint did not give', () => {
  expect(selectTrainable(graph, 'head')).toEqual(layers('fc2'));
  expect(
    selectTrainable(
      graph,
      'head',
      rows(() => 'restored'),
    ),
  ).toEqual(layers('fc2'));
  const partly = (status: RestoreRow['status']) => rows((name) => (name.includes('fc1') ? status : 'restored'));
  expect(selectTrainable(graph, 'head', partly('missing'))).toEqual(layers('fc1', 'fc2'));
  expect(selectTrainable(graph, 'head', partly('excluded'))).toEqual(layers('fc1', 'fc2'));
});

it('scopes are prefixes, and one that takes nothing is refused', () => {
  expect(
    selectTrainable(
      graph,
      ['net/fc'],
      rows(() => 'missing'),
    ),
  ).toEqual(layers('fc1', 'fc2'));
  expect(() => selectTrainable(graph, ['net/norm'])).toThrow(UsageError);
});
