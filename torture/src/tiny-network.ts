import { BACKBONE, type Backbone, definePlugin, GraphBuilder } from '@graftjs/core';

/** A network of four layers, with dropout, that trains in milliseconds: what is tortured is all around it. */
const tinyNet: Backbone = {
  name: 'tiny_net',
  description: 'for torture',
  defaults: { classes: 10, size: 16 },
  heads: ['dense'],
  preprocessing: 'vgg',
  build({ classes = 10, size = 16, dropout = 0.3 } = {}) {
    const graph = new GraphBuilder('tiny_net', { name: 'images', shape: [size, size, 3], dtype: 'uint8' });
    let net = graph.normalize(graph.input, { mean: [128, 128, 128], scale: 1 / 128 });
    net = graph.conv2d(net, { name: 'conv1', channels: 8, kernel: 3, strides: 2 });
    net = graph.conv2d(net, { name: 'conv2', channels: 12, kernel: 3, strides: 2 });
    net = graph.conv2d(net, { name: 'conv3', channels: 16, kernel: 3 });
    net = graph.dropout(graph.mean(net, { name: 'pool' }), { name: 'dropout', keep: 1 - dropout });
    net = graph.conv2d(net, { name: 'logits', channels: classes, kernel: 1, activation: 'none' });
    return graph.build(graph.reshape(net, { name: 'squeezed', shape: [classes] }), ['logits']);
  },
};

/** The command finds this package as the project that it runs in, by its keyword. */
export default definePlugin({
  name: '@graftjs/torture',
  register(container) {
    container.register(BACKBONE, { useValue: tinyNet });
  },
});
