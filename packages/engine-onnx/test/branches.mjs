import { GraphBuilder } from '@graftjs/core';

/** A network of branches side by side and overlapping poolings, normalized by the batch: the beginning of GoogLeNet. */
export function buildBranches({ size, classes }) {
  const graph = new GraphBuilder('branches', { name: 'images', shape: [size, size, 3], dtype: 'uint8' });
  const conv = (x, name, channels, kernel, strides = 1) =>
    graph.conv2d(x, { name, channels, kernel, strides, batchNorm: {} });
  const pool = (x, name, strides) => graph.maxPool(x, { name, kernel: 3, strides, padding: 'SAME' });
  const mixed = (x, name, [first, second, third, fourth]) =>
    graph.concat(
      [
        conv(x, `${name}/a`, first, 1),
        conv(conv(x, `${name}/b1`, second[0], 1), `${name}/b2`, second[1], 3),
        conv(conv(x, `${name}/c1`, third[0], 1), `${name}/c2`, third[1], 3),
        conv(pool(x, `${name}/d1`, 1), `${name}/d2`, fourth, 1),
      ],
      { name },
    );
  const pixels = graph.normalize(graph.input, { mean: [128, 128, 128], scale: 1 / 128 });
  const stem = pool(conv(pixels, 'stem', 64, 7, 2), 'pool1', 2);
  const below = pool(conv(conv(stem, 'conv2', 64, 1), 'conv3', 192, 3), 'pool2', 2);
  const above = mixed(mixed(below, 'mixed1', [64, [96, 128], [16, 32], 32]), 'mixed2', [128, [128, 192], [32, 96], 64]);
  const means = graph.mean(above, { name: 'means' });
  const logits = graph.conv2d(means, { name: 'logits', channels: classes, kernel: 1, activation: 'none' });
  return graph.build(graph.reshape(logits, { name: 'squeezed', shape: [classes] }), ['logits']);
}
