import { BACKBONE, type Backbone, definePlugin, GraphBuilder, pick } from '@graftjs/core';

/** Two sizes of a network for small images: channels of each stage. */
const stages = { thimble_s: [16, 32], thimble_m: [32, 64, 128] } as const;

function thimble(name: keyof typeof stages): Backbone {
  return {
    name,
    description: 'Convolutions and poolings for images of a few dozen pixels (an example)',
    defaults: { classes: 10, size: 32 },
    heads: ['pooled'],
    preprocessing: 'inception',
    build({ classes = 10, size = 32, width = 1, head = 'pooled', dropout = 0 } = {}) {
      pick(`head of ${name}`, head, { pooled: true });
      const graph = new GraphBuilder(name, { name: 'images', shape: [size, size, 3], dtype: 'uint8' });
      let net = graph.normalize(graph.input, { mean: [127.5, 127.5, 127.5], scale: 1 / 127.5 });
      for (const [index, channels] of stages[name].entries()) {
        net = graph.conv2d(net, {
          name: `conv${index + 1}`,
          channels: Math.max(1, Math.round(channels * width)),
          kernel: 3,
        });
        net = graph.maxPool(net, { name: `pool${index + 1}`, kernel: 2 });
      }
      net = graph.mean(net, { name: 'global_pool' });
      net = graph.dropout(net, { name: 'dropout', keep: 1 - dropout });
      net = graph.conv2d(net, { name: 'logits', channels: classes, kernel: 1, activation: 'none' });
      net = graph.reshape(net, { name: 'logits/squeezed', shape: [classes] });
      return graph.build(graph.endPoint(`${name}/logits`, net), ['logits']);
    },
  };
}

export const thimbles = [thimble('thimble_s'), thimble('thimble_m')];

export default definePlugin({
  name: 'graft-backbone-thimble',
  register(container) {
    for (const backbone of thimbles) container.register(BACKBONE, { useValue: backbone });
  },
});
