import { expect, it } from 'vitest';
import { GraphBuilder } from './builder.js';
import { normalizationOf, withNormalization } from './normalization.js';
import { checkClose, evaluateGraph } from './testing/index.js';

function network() {
  const graph = new GraphBuilder('net', { name: 'images', shape: [2, 1, 3], dtype: 'uint8' });
  const net = graph.normalize(graph.input, { mean: [1, 2, 3], scale: 0.5 });
  return graph.build(graph.mean(net, { name: 'mean' }), []);
}

it('the same graph normalizes in another way', () => {
  const graph = network();
  expect(normalizationOf(graph)).toEqual({ mean: [1, 2, 3], deviation: [2, 2, 2] });
  const other = withNormalization(graph, { mean: [123.675, 116.28, 103.53], deviation: [58.395, 57.12, 57.375] });
  const pixels = Float32Array.of(0, 100, 200, 255, 50, 7);
  const expected = [
    ((0 + 255) / 2 - 123.675) / 58.395,
    ((100 + 50) / 2 - 116.28) / 57.12,
    ((200 + 7) / 2 - 103.53) / 57.375,
  ];
  checkClose(Float32Array.from(evaluateGraph(other, new Map(), pixels).get(other.output)!), expected, 1e-5, 'result');
  expect(normalizationOf(graph)!.mean).toEqual([1, 2, 3]);
  expect(Object.isFrozen(other) && Object.isFrozen(other.nodes[0]) && Object.isFrozen(other.nodes)).toBe(true);
  expect({ ...other, nodes: [] }).toEqual({ ...graph, nodes: [] });
});

it('a graph that leaves it to its user stays as it is', () => {
  const builder = new GraphBuilder('net', { name: 'images', shape: [2, 1, 3], dtype: 'float32' });
  const graph = builder.build(builder.mean(builder.input, { name: 'mean' }), []);
  expect(normalizationOf(graph)).toBeUndefined();
  expect(withNormalization(graph, { mean: [1, 1, 1], deviation: [2, 2, 2] })).toBe(graph);
});
