import ckptSlim from '@graftjs/ckpt-slim';
import {
  BACKBONE,
  type Container,
  createContainer,
  DATASET,
  DataError,
  definePlugin,
  GraphBuilder,
  type MaskDataset,
  type MaskedImage,
  type MaskSplit,
  pair,
  SEGMENTER,
  type Segmenter,
  voidLabel,
} from '@graftjs/core';
import engineOnnx from '@graftjs/engine-onnx';
import engineTfjs from '@graftjs/engine-tfjs';
import { createRandom } from '../src/random.js';
import type { RunConfigInput } from '../src/run-config.js';
import { tinyNet } from './tiny.js';

/** Two layers that see each pixel with its neighbours, and one more of its own; `tiny_coarse` has none of the latter. */
function tinySegmenter(name: 'tiny_fine' | 'tiny_coarse'): Segmenter {
  return {
    name,
    description: 'for tests',
    backbone: 'tiny_net',
    strides: [1],
    build(backbone, { classes = 3, size = 16, denseChannels = 8, dropout = 0.2 } = {}) {
      const [height, width] = pair(size);
      const input = { name: 'images', shape: [height, width, 3], dtype: 'uint8' } as const;
      const trunk = new GraphBuilder(name, input, backbone.name);
      let net = trunk.normalize(trunk.input, { mean: [128, 128, 128], scale: 1 / 128 });
      net = trunk.conv2d(net, { name: 'conv1', channels: 6, kernel: 3 });
      net = trunk.dropout(net, { name: 'dropout', keep: 1 - dropout });
      net = trunk.conv2d(net, { name: 'conv2', channels: denseChannels, kernel: 3 });
      const head = trunk.within(name);
      const last = { channels: classes, kernel: 1, activation: 'none' } as const;
      net = head.conv2d(net, { name: 'score', ...last });
      if (name === 'tiny_coarse') return head.build(net, ['score']);
      return head.build(head.conv2d(net, { name: 'refine', ...last }), ['score', 'refine']);
    },
  };
}

const classes = ['dark', 'red', 'green'];

/**
 * Noise in the dark with a red and a green rectangle, and a column of void.
 * @param key the same key gives the same image
 */
export function rectanglesImage(key: number): MaskedImage {
  const random = createRandom(key, 9);
  const [height, width] = [16 + random.below(6), 16 + random.below(9)];
  const mask = new Uint8Array(height * width);
  for (const label of [1, 2]) {
    const [top, left] = [random.below(height - 7), random.below(width - 7)];
    for (let y = top; y < top + 7; y++) mask.fill(label, y * width + left, y * width + left + 7);
  }
  const data = Uint8Array.from({ length: mask.length * 3 }, (_, at) => {
    const label = mask[Math.floor(at / 3)]!;
    return random.below(120) + (label > 0 && at % 3 === label - 1 ? 100 : 0);
  });
  for (let y = 0; y < height; y++) mask[y * width + 3] = voidLabel;
  return { data, mask, height, width };
}

/** @param first separates the images of two splits */
export function rectanglesSplit(count: number, first: number): MaskSplit {
  return {
    count,
    id: (index) => `image ${first + index}`,
    size: (index) => rectanglesImage(first + index),
    async read(index) {
      if (index >= 0 && index < count) return rectanglesImage(first + index);
      throw new DataError('data/no-image', `There is no image ${index}.`);
    },
  };
}

/** A data set with masks, of splits by name. */
export function maskSet(name: string, splits: () => Readonly<Record<string, MaskSplit>>): MaskDataset {
  return {
    name,
    description: 'for tests',
    target: 'masks',
    open: async () => ({ classes, splits: splits(), skipped: [], close: async () => {} }),
  };
}

/** The tiny segmenters, `rectangles` and further data sets, both engines and TensorFlow's checkpoints. */
export function tinyMaskContainer(...others: readonly MaskDataset[]): Container {
  const rectangles = maskSet('rectangles', () => ({ train: rectanglesSplit(20, 0), test: rectanglesSplit(6, 1000) }));
  const tiny = definePlugin({
    name: 'tiny',
    register(container) {
      container.register(BACKBONE, { useValue: tinyNet });
      for (const name of ['tiny_coarse', 'tiny_fine'] as const) {
        container.register(SEGMENTER, { useValue: tinySegmenter(name) });
      }
      for (const dataset of [rectangles, ...others]) container.register(DATASET, { useValue: dataset });
    },
  });
  return createContainer([tiny, ckptSlim, engineOnnx, engineTfjs]);
}

export const tinyMaskConfig = {
  model: { name: 'tiny_fine', size: 16 },
  dataset: { name: 'rectangles', folder: '/nowhere' },
  augment: ['crop', 'flip'],
  learningRate: 0.01,
  batchSize: 4,
  epochs: 3,
} satisfies RunConfigInput;
