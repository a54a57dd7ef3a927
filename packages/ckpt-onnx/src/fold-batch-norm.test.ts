import { elementCount, type Graph, GraphBuilder } from '@graftjs/core';
import { checkClose, evaluateGraph } from '@graftjs/core/testing';
import { expect, it } from 'vitest';
import { everyOperation, imagesOf, networkOf, valuesOf } from '../test/networks.js';
import { foldBatchNorm } from './fold-batch-norm.js';

/** The folded graph and all of its values, read in two parts, as weights of large layers are. */
async function foldedValues(graph: Graph): Promise<{ folded: Graph; values: Map<string, Float32Array> }> {
  const { graph: folded, read } = await foldBatchNorm(networkOf(graph, valuesOf(graph)));
  const values = new Map<string, Float32Array>();
  for (const { name, shape } of folded.variables) {
    const all = new Float32Array(elementCount(shape));
    const part = Math.floor(all.length / 3);
    await read(name, 0, all.subarray(0, part));
    await read(name, part, all.subarray(part));
    values.set(name, all);
  }
  return { folded, values };
}

it('a folded network gives the values of the original at every node that both have', async () => {
  const graph = everyOperation();
  const { folded, values } = await foldedValues(graph);
  const [image] = imagesOf(graph, 1);
  const expected = evaluateGraph(graph, valuesOf(graph), image!);
  const found = evaluateGraph(folded, values, image!);
  for (const { name, op } of folded.nodes) {
    // The factors are in the weights, so what the convolution alone gives is another thing.
    if (op !== 'conv2d') checkClose(found.get(name)!, expected.get(name)!, 1e-6, name);
  }
  expect(folded.nodes.filter(({ op }) => op === 'batchNorm').map(({ name }) => name)).toEqual([
    graph.nodes.find(({ op, name }) => op === 'batchNorm' && name.includes('preact'))!.name,
  ]);
});

it('what reads a convolution beside its normalization keeps it from being folded', async () => {
  const builder = new GraphBuilder('fork', { name: 'images', shape: [3, 3, 2], dtype: 'uint8' });
  const x = builder.normalize(builder.input, { mean: [9, 9], scale: 0.1 });
  const raw = builder.conv2d(x, { name: 'raw', channels: 2, kernel: 1, biases: false, activation: 'none' });
  const normal = builder.batchNorm(raw, { name: 'normal', scale: true, activation: 'none' });
  const graph = builder.build(builder.sum([raw, normal], { name: 'both' }), []);
  const { folded, values } = await foldedValues(graph);
  const image = Uint8Array.from({ length: 18 }, (_, i) => 13 * i);
  const expected = evaluateGraph(graph, valuesOf(graph), image).get(graph.output)!;
  checkClose(evaluateGraph(folded, values, image).get(graph.output)!, expected, 1e-6, 'the sum');
});
