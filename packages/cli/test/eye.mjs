// A plugin with a network that knows colours by planted weights, and its published checkpoint.
import { BACKBONE, DOWNLOAD, definePlugin, GraphBuilder } from '@graftjs/core';

const eye = {
  name: 'eye',
  description: 'knows colours',
  defaults: { classes: 6, size: 8 },
  heads: ['slim'],
  preprocessing: 'none',
  build({ classes = 6, size = 8 } = {}) {
    const graph = new GraphBuilder('eye', { name: 'images', shape: [size, size, 3], dtype: 'uint8' });
    let net = graph.normalize(graph.input, { mean: [0, 0, 0], scale: 1 / 255 });
    net = graph.mean(net, { name: 'pool' });
    net = graph.conv2d(net, { name: 'logits', channels: classes, kernel: 1, activation: 'none' });
    return graph.build(graph.reshape(net, { name: 'squeezed', shape: [classes] }), ['logits']);
  },
};

/** @param {string} origin where the checkpoint is published */
export const eyePlugin = (origin) =>
  definePlugin({
    name: 'eye-plugin',
    register(container) {
      container.register(BACKBONE, { useValue: eye });
      container.register(DOWNLOAD, {
        useValue: {
          name: 'eye',
          description: 'an eye for five colours',
          licence: 'free',
          address: `${origin}/models/eye_2016_08_28.tar.gz`,
          archive: { format: 'tar.gz', entry: 'eye.ckpt', bytes: 100_000, entries: 3 },
          pretrained: {
            model: 'eye',
            dataset: 'five colours',
            classNames: ['n01', 'n02', 'n03', 'n04', 'n05'],
            classes: 6,
            labelOffset: 0,
            size: 8,
            preprocessing: 'none',
            accuracy: { top1: 0.875, top5: 0.9875, source: 'the eye itself' },
          },
        },
      });
    },
  });
