import { expect, it } from 'vitest';
import { GraphBuilder } from './builder.js';
import { summarize } from './summary.js';

/** Every operation once, on images of 8 x 6. */
function network() {
  const graph = new GraphBuilder('net', { name: 'images', shape: [8, 6, 3], dtype: 'uint8' });
  let net = graph.normalize(graph.input, { mean: [1, 2, 3], scale: 1 });
  net = graph.conv2d(net, { name: 'conv', channels: 4, kernel: [3, 2] });
  net = graph.lrn(net, { name: 'conv/lrn', depthRadius: 2 });
  net = graph.maxPool(net, { name: 'max', kernel: 2 });
  net = graph.avgPool(net, { name: 'avg', kernel: [2, 3], strides: 1 });
  net = graph.dropout(net, { name: 'dropout', keep: 0.5 });
  net = graph.mean(net, { name: 'mean' });
  net = graph.conv2d(net, { name: 'logits', channels: 5, kernel: 1, biases: false, activation: 'none' });
  graph.variable('counter', [7], { initializer: { kind: 'constant', value: 0 }, trainable: false });
  return graph.build(graph.reshape(net, { name: 'logits/flat', shape: [5] }), ['logits']);
}

it('counts parameters, operations and activations, layer by layer', () => {
  const pixels = 8 * 6;
  expect(summarize(network()).layers).toEqual([
    { name: 'net/normalize', shape: [8, 6, 3], parameters: 0, flops: 2 * pixels * 3, activationBytes: 4 * pixels * 3 },
    {
      name: 'net/conv',
      shape: [8, 6, 4],
      parameters: 3 * 2 * 3 * 4 + 4,
      // Two for each of 18 products, one for the bias, one for the rectifier; three results.
      flops: pixels * 4 * (2 * 18 + 1 + 1),
      activationBytes: 3 * 4 * pixels * 4,
    },
    // A square, four additions and the first of five squares, alpha, bias, a power, a division.
    { name: 'net/conv/lrn', shape: [8, 6, 4], parameters: 0, flops: pixels * 4 * 10, activationBytes: 4 * pixels * 4 },
    { name: 'net/max', shape: [4, 3, 4], parameters: 0, flops: 48 * 4, activationBytes: 4 * 48 },
    { name: 'net/avg', shape: [3, 1, 4], parameters: 0, flops: 12 * 6, activationBytes: 4 * 12 },
    { name: 'net/dropout', shape: [3, 1, 4], parameters: 0, flops: 0, activationBytes: 4 * 12 },
    { name: 'net/mean', shape: [1, 1, 4], parameters: 0, flops: 12, activationBytes: 4 * 4 },
    { name: 'net/logits', shape: [5], parameters: 20, flops: 2 * 20, activationBytes: 4 * 5 },
  ]);
});

it('adds up, variables that no layer reads and no gradient reaches included', () => {
  const summary = summarize(network());
  expect(summary).toMatchObject({ parameters: 76 + 20 + 7, trainableParameters: 76 + 20 });
  expect(summary.flops).toBe(summary.layers.reduce((sum, { flops }) => sum + flops, 0));
  expect(summary.activationBytes).toBe(summary.layers.reduce((sum, layer) => sum + layer.activationBytes, 0));
});

it('counts what each output of a convolution in groups really reads', () => {
  const graph = new GraphBuilder('net', { name: 'images', shape: [4, 4, 6], dtype: 'float32' });
  const layer = { biases: false, activation: 'none' } as const;
  const grouped = graph.conv2d(graph.input, { name: 'a', channels: 4, kernel: 3, groups: 2, ...layer });
  const separable = { name: 'b', channels: 5, kernel: 3, multiplier: 2, strides: 2, ...layer };
  const { layers } = summarize(graph.build(graph.separableConv2d(grouped, separable), []));
  expect(layers.map(({ name, parameters, flops }) => [name, parameters, flops])).toEqual([
    ['net/a', 9 * 3 * 4, 16 * 4 * (2 * 9 * 3)],
    ['net/b', 9 * 4 * 2 + 8 * 5, 4 * 8 * (2 * 9) + 4 * 5 * (2 * 8)],
  ]);
});

it('counts what auxiliary outputs alone need as parameters, and not as operations in use', () => {
  const graph = new GraphBuilder('net', { name: 'images', shape: [1, 1, 4], dtype: 'float32' });
  const dense = (name: string) => {
    const logits = graph.conv2d(graph.input, { name, channels: 3, kernel: 1, biases: false, activation: 'none' });
    return graph.reshape(logits, { name: `${name}/flat`, shape: [3] });
  };
  const auxiliary = [{ output: dense('aux'), weight: 0.4 }];
  const { layers, parameters, flops } = summarize(graph.build(dense('logits'), ['logits', 'aux'], auxiliary));
  expect(layers.map((layer) => [layer.name, layer.flops])).toEqual([
    ['net/aux', 0],
    ['net/logits', 24],
  ]);
  expect([parameters, flops]).toEqual([24, 24]);
});

it('counts batch normalization, sums, branches and probabilities', () => {
  const graph = new GraphBuilder('net', { name: 'images', shape: [5, 3, 2], dtype: 'float32' });
  const batchNorm = { scale: true };
  const normal = graph.conv2d(graph.input, { name: 'a', channels: 4, kernel: 1, batchNorm, activation: 'none' });
  const side = graph.concat([graph.input, normal], { name: 'b' });
  const sum = graph.sum([side, side, side], { name: 'c' });
  const { layers } = summarize(graph.build(graph.softmax(sum, { name: 'd' }), []));
  expect(layers.map(({ name, parameters, flops }) => [name, parameters, flops])).toEqual([
    // Gamma, beta and the moving averages; a factor and a summand an element.
    ['net/a', 2 * 4 + 4 * 4, 15 * 4 * (2 * 2 + 2)],
    ['net/b', 0, 0],
    ['net/c', 0, 2 * 15 * 6],
    ['net/d', 0, 4 * 15 * 6],
  ]);
});
