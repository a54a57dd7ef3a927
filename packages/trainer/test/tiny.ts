import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ckptSlim from '@graftjs/ckpt-slim';
import {
  BACKBONE,
  type Backbone,
  type Container,
  createContainer,
  DATASET,
  DataError,
  type Dataset,
  definePlugin,
  GraphBuilder,
  type Image,
  type Split,
} from '@graftjs/core';
import engineOnnx from '@graftjs/engine-onnx';
import engineTfjs from '@graftjs/engine-tfjs';
import { onTestFinished } from 'vitest';
import { createRandom } from '../src/random.js';
import type { RunConfigInput } from '../src/run-config.js';

/** A network of three layers, with dropout, that trains in milliseconds. */
export const tinyNet: Backbone = {
  name: 'tiny_net',
  description: 'for tests',
  defaults: { classes: 3, size: 8 },
  heads: ['dense'],
  preprocessing: 'vgg',
  build({ classes = 3, size = 8, dropout = 0.3 } = {}) {
    const graph = new GraphBuilder('tiny_net', { name: 'images', shape: [size, size, 3], dtype: 'uint8' });
    let net = graph.normalize(graph.input, { mean: [128, 128, 128], scale: 1 / 128 });
    net = graph.conv2d(net, { name: 'conv1', channels: 6, kernel: 3, strides: 2 });
    net = graph.conv2d(net, { name: 'conv2', channels: 8, kernel: 3 });
    net = graph.dropout(graph.mean(net, { name: 'pool' }), { name: 'dropout', keep: 1 - dropout });
    net = graph.conv2d(net, { name: 'logits', channels: classes, kernel: 1, activation: 'none' });
    return graph.build(graph.reshape(net, { name: 'squeezed', shape: [classes] }), ['logits']);
  },
};

const colours = ['red', 'green', 'blue'];

/** Noise, brighter in the channel of its class. */
export function colourImage(key: number, label: number): Image {
  const random = createRandom(key, label);
  const [height, width] = [6 + random.below(4), 6 + random.below(4)];
  const data = Uint8Array.from(
    { length: height * width * 3 },
    (_, at) => random.below(180) + (at % 3 === label ? 40 : 0),
  );
  return { data, height, width };
}

/**
 * @param first separates the images of two splits
 * @param shift added to each label: a split whose labels say something else than another's
 */
export function colourSplit(count: number, first: number, shift = 0): Split {
  return {
    labels: Int32Array.from({ length: count }, (_, index) => (index + shift) % colours.length),
    id: (index) => `image ${first + index}`,
    async read(index) {
      if (index in this.labels) return colourImage(first + index, index % colours.length);
      throw new DataError('data/no-image', `There is no image ${index}.`);
    },
  };
}

/** A data set of `colourSplit`s by name. */
export function colourSet(name: string, splits: () => Readonly<Record<string, Split>>, classes = colours): Dataset {
  return {
    name,
    description: 'for tests',
    open: async () => ({ classes, splits: splits(), skipped: [], close: async () => {} }),
  };
}

export const trainCount = 50;
export const testCount = 21;

/** The tiny network, `colours` and further data sets, both engines and TensorFlow's checkpoints. */
export function tinyContainer(...others: readonly Dataset[]): Container {
  const colourful = colourSet('colours', () => ({
    train: colourSplit(trainCount, 0),
    test: colourSplit(testCount, 1000),
  }));
  const tiny = definePlugin({
    name: 'tiny',
    register(container) {
      container.register(BACKBONE, { useValue: tinyNet });
      for (const dataset of [colourful, ...others]) container.register(DATASET, { useValue: dataset });
    },
  });
  return createContainer([tiny, ckptSlim, engineOnnx, engineTfjs]);
}

export const tinyConfig = {
  model: { name: 'tiny_net' },
  dataset: { name: 'colours', folder: '/nowhere' },
  learningRate: 0.01,
  batchSize: 8,
  epochs: 3,
} satisfies RunConfigInput;

/** A folder for one test, removed after it. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'graft-trainer-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}
