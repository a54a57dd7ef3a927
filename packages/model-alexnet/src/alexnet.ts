import {
  type Backbone,
  type BackboneOptions,
  type Graph,
  GraphBuilder,
  type Initializer,
  type PaddingRule,
  pick,
  UsageError,
} from '@graftjs/core';
import { torchvisionNames } from './torchvision-names.js';

/** A convolution. */
interface Layer {
  readonly channels: number;
  readonly kernel: number;
  /** Default 1. */
  readonly strides?: number;
  /** Default `SAME`. */
  readonly padding?: PaddingRule;
  /** Default 1. */
  readonly groups?: number;
  /** What its biases start with. */
  readonly biases: number;
  /** Whether local response normalization follows. Default false. */
  readonly normalizes?: boolean;
  /** Whether a pooling follows. Default false. */
  readonly pools?: boolean;
}

/** One of the networks that are called AlexNet: the five convolutions, and how the dense layers start. */
interface Version {
  readonly description: string;
  /** Of the images. */
  readonly size: number;
  readonly initializers: { readonly convolution: Initializer; readonly dense: Initializer };
  readonly layers: readonly [Layer, Layer, Layer, Layer, Layer];
  /** Biases that fc6 and fc7 start with. */
  readonly biases: number;
}

const normal = (deviation: number): Initializer => ({ kind: 'truncated-normal', deviation });
const slim = { convolution: { kind: 'xavier-uniform' }, dense: normal(0.005) } as const;

const versions: Readonly<Record<string, Version>> = {
  alexnet_v2: {
    description: 'AlexNet in one column, as TF-Slim (Krizhevsky, 2014)',
    size: 224,
    initializers: slim,
    layers: [
      { channels: 64, kernel: 11, strides: 4, padding: 'VALID', biases: 0.1, pools: true },
      { channels: 192, kernel: 5, biases: 0.1, pools: true },
      { channels: 384, kernel: 3, biases: 0.1 },
      { channels: 384, kernel: 3, biases: 0.1 },
      { channels: 256, kernel: 3, biases: 0.1, pools: true },
    ],
    biases: 0.1,
  },
  alexnet_v2b: {
    description: 'AlexNet in one column, as torchvision (Krizhevsky, 2014)',
    size: 224,
    initializers: slim,
    layers: [
      { channels: 64, kernel: 11, strides: 4, padding: [2, 2, 2, 2], biases: 0.1, pools: true },
      { channels: 192, kernel: 5, biases: 0.1, pools: true },
      { channels: 384, kernel: 3, biases: 0.1 },
      { channels: 256, kernel: 3, biases: 0.1 },
      { channels: 256, kernel: 3, biases: 0.1, pools: true },
    ],
    biases: 0.1,
  },
  alexnet_original: {
    description: 'AlexNet in two columns, with local response normalization (Krizhevsky et al., 2012)',
    size: 227,
    initializers: { convolution: normal(0.01), dense: normal(0.01) },
    layers: [
      { channels: 96, kernel: 11, strides: 4, padding: 'VALID', biases: 0, normalizes: true, pools: true },
      { channels: 256, kernel: 5, groups: 2, biases: 1, normalizes: true, pools: true },
      { channels: 384, kernel: 3, biases: 0 },
      { channels: 384, kernel: 3, groups: 2, biases: 1 },
      { channels: 256, kernel: 3, groups: 2, biases: 1, pools: true },
    ],
    biases: 1,
  },
};

/** Section 3.3 of the paper of 2012: five neighbouring channels. */
const lrn = { depthRadius: 2, bias: 2, alpha: 1e-4, beta: 0.75 };

/** The mean of ImageNet's training images, RGB, as Slim subtracts it. */
const mean = [123.68, 116.78, 103.94];

const heads: Readonly<Record<string, readonly string[]>> = { slim: ['fc8'] };

/** Below it nothing is left of an image after the third pooling. */
const smallest = 67;

function build(name: string, version: Version, options: BackboneOptions): Graph {
  const { classes = 1000, size = version.size, width = 1, dropout = 0.5 } = options;
  const scopes = pick(`head of ${name}`, options.head ?? 'slim', heads);
  if (size < smallest)
    throw new UsageError('usage/size', `${name} takes images of at least ${smallest} pixels, and ${size} came.`);
  if (options.outputStride !== undefined) {
    throw new UsageError('usage/output-stride', `${name} has no other output stride than its own, 32; leave it out.`);
  }
  // Even, so that two groups can share them.
  const scaled = (channels: number) => 2 * Math.max(1, Math.round((channels * width) / 2));
  const constant = (value: number): Initializer => ({ kind: 'constant', value });
  const { convolution, dense } = version.initializers;

  const graph = new GraphBuilder(name, { name: 'images', shape: [size, size, 3], dtype: 'uint8' });
  let net = graph.normalize(graph.input, { mean, scale: 1 });
  for (const [index, { channels, biases, normalizes, pools, ...layer }] of version.layers.entries()) {
    const scope = `conv${index + 1}`;
    net = graph.conv2d(net, {
      name: scope,
      ...layer,
      channels: scaled(channels),
      initializer: convolution,
      biasesInitializer: constant(biases),
    });
    if (normalizes) net = graph.lrn(net, { name: `${scope}/lrn`, ...lrn });
    if (pools) net = graph.maxPool(net, { name: `pool${index + 1}`, kernel: 3 });
  }
  const hidden = { channels: scaled(4096), initializer: dense, biasesInitializer: constant(version.biases) };
  const kernel = [net.shape[0]!, net.shape[1]!] as const;
  net = graph.conv2d(net, { name: 'fc6', kernel, padding: 'VALID', ...hidden });
  net = graph.dropout(net, { name: 'dropout6', keep: 1 - dropout });
  net = graph.conv2d(net, { name: 'fc7', kernel: 1, ...hidden });
  net = graph.dropout(net, { name: 'dropout7', keep: 1 - dropout });
  net = graph.conv2d(net, { name: 'fc8', channels: classes, kernel: 1, activation: 'none', initializer: dense });
  const logits = graph.reshape(net, { name: 'fc8/squeezed', shape: [classes] });
  return graph.build(graph.endPoint(`${name}/fc8`, logits), scopes);
}

/**
 * The networks of Krizhevsky, Sutskever and Hinton, "ImageNet Classification with Deep Convolutional Neural Networks" (2012), and
 * of Krizhevsky, "One weird trick for parallelizing convolutional neural networks" (2014), by the names of TF-Slim's
 * `nets/alexnet.py`, for images of any size from 67 up; fc6's kernel is as large as what pool5 gives.
 */
export const alexnetBackbones: readonly Backbone[] = Object.entries(versions).map(([name, version]) => ({
  name,
  description: version.description,
  defaults: { classes: 1000, size: version.size },
  heads: Object.keys(heads),
  preprocessing: 'vgg',
  nameMaps: name === 'alexnet_v2b' ? [torchvisionNames(name)] : [],
  build: (options = {}) => build(name, version, options),
}));
