import {
  type Backbone,
  type BackboneOptions,
  type Graph,
  GraphBuilder,
  pick,
  UsageError,
  type Value,
} from '@graftjs/core';
import { type VggSource, vggNameMap } from './name-maps.js';

/** One convolution of a stage: its kernel, and whether local response normalization follows. */
interface Layer {
  readonly kernel: 1 | 3;
  readonly lrn?: true;
}

const conv3: Layer = { kernel: 3 };
const conv1: Layer = { kernel: 1 };
const conv3Lrn: Layer = { kernel: 3, lrn: true };

const pytorch = ['torchvision', 'timm'] as const;
const pytorchAndKeras = [...pytorch, 'keras', 'keras 2', 'keras graph'] as const;

/** The five stages of each configuration of the paper's table 1, by the names that TF-Slim gives or would give. */
const configurations: Readonly<
  Record<
    string,
    {
      readonly letter: string;
      readonly stages: readonly (readonly Layer[])[];
      /** Who else has this network. */
      readonly sources?: readonly VggSource[];
    }
  >
> = {
  vgg_a: {
    letter: 'A, 11 layers',
    stages: [[conv3], [conv3], [conv3, conv3], [conv3, conv3], [conv3, conv3]],
    sources: pytorch,
  },
  vgg_a_lrn: {
    letter: 'A-LRN, 11 layers',
    stages: [[conv3Lrn], [conv3], [conv3, conv3], [conv3, conv3], [conv3, conv3]],
  },
  vgg_b: {
    letter: 'B, 13 layers',
    stages: [
      [conv3, conv3],
      [conv3, conv3],
      [conv3, conv3],
      [conv3, conv3],
      [conv3, conv3],
    ],
    sources: pytorch,
  },
  vgg_c: {
    letter: 'C, 16 layers with 1x1 convolutions',
    stages: [
      [conv3, conv3],
      [conv3, conv3],
      [conv3, conv3, conv1],
      [conv3, conv3, conv1],
      [conv3, conv3, conv1],
    ],
  },
  vgg_16: {
    letter: 'D, 16 layers',
    stages: [
      [conv3, conv3],
      [conv3, conv3],
      [conv3, conv3, conv3],
      [conv3, conv3, conv3],
      [conv3, conv3, conv3],
    ],
    sources: pytorchAndKeras,
  },
  vgg_19: {
    letter: 'E, 19 layers',
    stages: [
      [conv3, conv3],
      [conv3, conv3],
      [conv3, conv3, conv3, conv3],
      [conv3, conv3, conv3, conv3],
      [conv3, conv3, conv3, conv3],
    ],
    sources: pytorchAndKeras,
  },
};

/** Channels of each stage. */
const stageChannels = [64, 128, 256, 512, 512];

/** The mean of ImageNet's training images, RGB, as Slim subtracts it. */
const mean = [123.68, 116.78, 103.94];

/** AlexNet's constants (section 3.3 of its paper), which VGG's paper takes over: five neighbouring channels. */
const lrn = { depthRadius: 2, bias: 2, alpha: 1e-4, beta: 0.75 };

interface Head {
  readonly scopes: readonly string[];
  /** From pool5 to the logits `[classes]`. */
  build(graph: GraphBuilder, features: Value, options: { classes: number; channels: number; dropout: number }): Value;
}

const heads: Readonly<Record<string, Head>> = {
  /** Slim's: the paper's three dense layers as convolutions, the first as large as pool5. */
  slim: {
    scopes: ['fc8'],
    build(graph, features, { classes, channels, dropout }) {
      const kernel = [features.shape[0]!, features.shape[1]!] as const;
      let net = graph.conv2d(features, { name: 'fc6', channels, kernel, padding: 'VALID' });
      net = graph.dropout(net, { name: 'dropout6', keep: 1 - dropout });
      net = graph.conv2d(net, { name: 'fc7', channels, kernel: 1 });
      net = graph.dropout(net, { name: 'dropout7', keep: 1 - dropout });
      net = graph.conv2d(net, { name: 'fc8', channels: classes, kernel: 1, activation: 'none' });
      return graph.reshape(net, { name: 'fc8/squeezed', shape: [classes] });
    },
  },
  /** The mean of pool5 and one dense layer: small, and for images of any size. */
  pooled: {
    scopes: ['logits'],
    build(graph, features, { classes, dropout }) {
      let net = graph.mean(features, { name: 'global_pool' });
      net = graph.dropout(net, { name: 'dropout', keep: 1 - dropout });
      net = graph.conv2d(net, { name: 'logits', channels: classes, kernel: 1, activation: 'none' });
      return graph.reshape(net, { name: 'logits/squeezed', shape: [classes] });
    },
  },
};

function build(name: string, options: BackboneOptions): Graph {
  const { classes = 1000, size = 224, imageSize = [size, size], width = 1, dropout = 0.5 } = options;
  const { scopes, build: addHead } = pick(`head of ${name}`, options.head ?? 'slim', heads);
  if (Math.min(...imageSize) < 32) {
    throw new UsageError(
      'usage/size',
      `${name} halves an image five times: the size is at least 32, and ${Math.min(...imageSize)} came.`,
    );
  }
  if (options.outputStride !== undefined) {
    throw new UsageError('usage/output-stride', `${name} has no other output stride than its own, 32; leave it out.`);
  }
  const scaled = (channels: number) => Math.max(1, Math.round(channels * width));

  const graph = new GraphBuilder(name, { name: 'images', shape: [...imageSize, 3], dtype: 'uint8' });
  let net = graph.normalize(graph.input, { mean, scale: 1 });
  for (const [index, layers] of configurations[name]!.stages.entries()) {
    const stage = index + 1;
    for (const [place, layer] of layers.entries()) {
      const scope = `conv${stage}/conv${stage}_${place + 1}`;
      net = graph.conv2d(net, { name: scope, channels: scaled(stageChannels[index]!), kernel: layer.kernel });
      if (layer.lrn) net = graph.lrn(net, { name: `${scope}/lrn`, ...lrn });
    }
    net = graph.maxPool(net, { name: `pool${stage}`, kernel: 2 });
  }
  const logits = addHead(graph, net, { classes, channels: scaled(4096), dropout });
  return graph.build(graph.endPoint(`${name}/${scopes[0]}`, logits), scopes);
}

/**
 * The networks of Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition" (2014),
 * as TF-Slim's `nets/vgg.py` has them. Images of any size from 32 up; fc6's kernel is size / 32, rounded down.
 */
export const vggBackbones: readonly Backbone[] = Object.entries(configurations).map(
  ([name, { letter, stages, sources = [] }]) => ({
    name,
    description: `VGG configuration ${letter} (Simonyan and Zisserman, 2014)`,
    defaults: { classes: 1000, size: 224 },
    heads: Object.keys(heads),
    preprocessing: 'vgg',
    levels: stages.map((_, index) => ({ stride: 2 ** (index + 1), endPoint: `${name}/pool${index + 1}` })),
    denseLayers: [
      { name: `${name}/fc6`, kernel: 7, channels: 4096 },
      { name: `${name}/fc7`, kernel: 1, channels: 4096 },
    ],
    nameMaps: sources.map((source) =>
      vggNameMap(
        source,
        name,
        stages.map((layers) => layers.length),
      ),
    ),
    build: (options = {}) => build(name, options),
  }),
);
