import { BACKBONE, type Backbone, definePlugin, GraphBuilder } from '@graftjs/core';

const [name, fcChannels] = ['tiny_net', 16];

/** Channels of the layers that each halve the image. */
const channels = [8, 12, 16, 16, 16];

/** A network with dropout that trains in milliseconds: what is tortured is all around it. Segmenters can be built on it. */
const tinyNet: Backbone = {
  name,
  description: 'for torture',
  defaults: { classes: 10, size: 16 },
  heads: ['dense'],
  preprocessing: 'vgg',
  levels: [3, 4, 5].map((layer) => ({ stride: 2 ** layer, endPoint: `${name}/conv${layer}` })),
  denseLayers: [{ name: `${name}/fc`, kernel: 1, channels: fcChannels }],
  build({ classes = 10, size = 16, imageSize = [size, size], dropout = 0.3 } = {}) {
    const graph = new GraphBuilder(name, { name: 'images', shape: [...imageSize, 3], dtype: 'uint8' });
    let net = graph.normalize(graph.input, { mean: [128, 128, 128], scale: 1 / 128 });
    for (const [index, wide] of channels.entries()) {
      net = graph.conv2d(net, { name: `conv${index + 1}`, channels: wide, kernel: 3, strides: 2 });
    }
    net = graph.conv2d(graph.mean(net, { name: 'pool' }), { name: 'fc', channels: fcChannels, kernel: 1 });
    net = graph.dropout(net, { name: 'dropout', keep: 1 - dropout });
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
