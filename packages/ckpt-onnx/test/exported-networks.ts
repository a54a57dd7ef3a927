import { type Graph, GraphBuilder, type Value } from '@graftjs/core';

/** The networks of `tools/write_pytorch_fixtures.py` and `tools/write_keras_fixtures.py`, as Graft has them. */

function plain(): Graph {
  const graph = new GraphBuilder('plain', { name: 'images', shape: [16, 16, 3], dtype: 'float32' });
  let net = graph.input;
  for (const [index, channels] of [4, 6].entries()) {
    net = graph.conv2d(net, { name: `conv${index + 1}`, channels, kernel: 3 });
    net = graph.maxPool(net, { name: `pool${index + 1}`, kernel: 2 });
  }
  net = graph.conv2d(net, { name: 'fc1', channels: 10, kernel: 4, padding: 'VALID' });
  net = graph.dropout(net, { name: 'dropout', keep: 0.5 });
  net = graph.conv2d(net, { name: 'fc2', channels: 5, kernel: 1, activation: 'none' });
  return graph.build(graph.reshape(net, { name: 'logits', shape: [5] }), ['fc2']);
}

interface ResidualOptions {
  /** Whether batch normalization has a gamma. Default true. */
  readonly scale?: boolean;
  /** Default 1e-5, as PyTorch's. */
  readonly epsilon?: number;
}

function residual({ scale = true, epsilon = 1e-5 }: ResidualOptions = {}): Graph {
  const graph = new GraphBuilder('residual', { name: 'images', shape: [32, 32, 3], dtype: 'float32' });
  const conv = (x: Value, name: string, channels: number, kernel: number, strides = 1, activates = true) => {
    const reach = (kernel - 1) / 2;
    return graph.conv2d(x, {
      name,
      channels,
      kernel,
      strides,
      padding: [reach, reach, reach, reach],
      batchNorm: { scale, epsilon },
      activation: activates ? 'relu' : 'none',
    });
  };
  const unit = (x: Value, name: string, strides: number) => {
    const shortcut = conv(x, `${name}/shortcut`, 16, 1, strides, false);
    let net = conv(x, `${name}/conv1`, 4, 1);
    net = conv(net, `${name}/conv2`, 4, 3, strides);
    net = conv(net, `${name}/conv3`, 16, 1, 1, false);
    return graph.relu(graph.sum([shortcut, net], { name: `${name}/add` }), { name: `${name}/relu` });
  };
  let net = conv(graph.input, 'stem', 8, 3, 2);
  net = graph.maxPool(net, { name: 'pool', kernel: 3, padding: [1, 1, 1, 1] });
  net = unit(unit(net, 'unit1', 1), 'unit2', 2);
  const a = conv(net, 'a', 4, 1);
  const b = conv(conv(net, 'b/1', 4, 1), 'b/2', 6, 3);
  const c = conv(conv(conv(net, 'c/1', 4, 1), 'c/2', 6, 3), 'c/3', 6, 3);
  const d = conv(graph.avgPool(net, { name: 'd/pool', kernel: 3, strides: 1, padding: 'SAME' }), 'd/1', 4, 1);
  net = graph.mean(graph.concat([a, b, c, d], { name: 'mixed' }), { name: 'mean' });
  net = graph.conv2d(net, { name: 'fc', channels: 5, kernel: 1, activation: 'none' });
  return graph.build(graph.reshape(net, { name: 'logits', shape: [5] }), ['fc']);
}

export const networks = { plain, residual };
