import {
  type Backbone,
  type BackboneOptions,
  type Conv2dOptions,
  type Graph,
  GraphBuilder,
  type Padding,
  type PaddingRule,
  pick,
  UsageError,
  type Value,
} from '@graftjs/core';

/** Units of each of the four blocks: the columns of the paper's table 1. */
const depths: Readonly<Record<string, readonly number[]>> = {
  50: [3, 4, 6, 3],
  101: [3, 4, 23, 3],
  152: [3, 8, 36, 3],
};

/** What versions of the network differ in: where a block halves its picture, and how the first pooling is padded. */
interface Version {
  readonly what: string;
  readonly halvingUnit: 'first' | 'last';
  /** The 1x1 convolution before the 3x3 one, or that. */
  readonly halvingLayer: 'conv1' | 'conv2';
  readonly poolPadding: PaddingRule;
}

const versions: Readonly<Record<string, Version>> = {
  resnet_v1: {
    what: 'as TF-Slim, which halves at the end of a block',
    halvingUnit: 'last',
    halvingLayer: 'conv2',
    poolPadding: 'SAME',
  },
  resnet_original: {
    what: 'with the strides of the paper’s own weights',
    halvingUnit: 'first',
    halvingLayer: 'conv1',
    poolPadding: 'SAME',
  },
  resnet_v1b: {
    what: 'version 1.5 as in torchvision',
    halvingUnit: 'first',
    halvingLayer: 'conv2',
    poolPadding: [1, 1, 1, 1],
  },
};

/** Channels of the 3x3 convolutions of each block; its output has four times as many. */
const blockChannels = [64, 128, 256, 512];

/** The mean of ImageNet's training pictures, RGB, as Slim subtracts it. */
const mean = [123.68, 116.78, 103.94];

/** `resnet_arg_scope` of TF-Slim. */
const batchNorm = { scale: true, epsilon: 1e-5, decay: 0.997 };
const initializer = { kind: 'he-normal' } as const;

/** How a unit changes the size of its picture, and how far apart it reads its places. */
interface UnitOptions {
  readonly channels: number;
  readonly stride: number;
  readonly dilation: number;
  readonly halvingLayer: Version['halvingLayer'];
}

/**
 * `conv2d_same` of TF-Slim: padded as if the stride were 1, half before and half after, so that a strided convolution is the
 * plain one with places left out.
 */
function convolution(graph: GraphBuilder, x: Value, options: Conv2dOptions & { kernel: number }): Value {
  const reach = (options.kernel - 1) * ((options.dilations as number | undefined) ?? 1);
  const [before, after] = [Math.floor(reach / 2), Math.ceil(reach / 2)];
  const padding: Padding = [before, after, before, after];
  return graph.conv2d(x, { padding, batchNorm, initializer, ...options });
}

/** `bottleneck`: three convolutions, added to what they were given. */
function unit(
  graph: GraphBuilder,
  x: Value,
  name: string,
  { channels, stride, dilation, halvingLayer }: UnitOptions,
): Value {
  const [first, second] = halvingLayer === 'conv1' ? [stride, 1] : [1, stride];
  const wide = 4 * channels;
  let shortcut = x;
  if (x.shape[2] !== wide) {
    const options = {
      name: `${name}/shortcut`,
      channels: wide,
      kernel: 1,
      strides: stride,
      activation: 'none',
    } as const;
    shortcut = convolution(graph, x, options);
  } else if (stride !== 1) shortcut = graph.maxPool(x, { name: `${name}/shortcut`, kernel: 1, strides: stride });
  let net = convolution(graph, x, { name: `${name}/conv1`, channels, kernel: 1, strides: first });
  net = convolution(graph, net, { name: `${name}/conv2`, channels, kernel: 3, strides: second, dilations: dilation });
  net = convolution(graph, net, { name: `${name}/conv3`, channels: wide, kernel: 1, activation: 'none' });
  return graph.relu(graph.sum([shortcut, net], { name: `${name}/add` }), { name: `${name}/Relu` });
}

const heads: Readonly<Record<string, readonly string[]>> = { slim: ['logits'] };

function build(name: string, units: readonly number[], version: Version, options: BackboneOptions): Graph {
  const { classes = 1000, size = 224, width = 1, dropout = 0, outputStride = 32 } = options;
  const scopes = pick(`head of ${name}`, options.head ?? 'slim', heads);
  if (![4, 8, 16, 32].includes(outputStride)) {
    throw new UsageError(
      'usage/output-stride',
      `${name} can have an output stride of 4, 8, 16 or 32, and ${outputStride} came.`,
    );
  }
  const scaled = (channels: number) => Math.max(1, Math.round(channels * width));

  const graph = new GraphBuilder(name, { name: 'images', shape: [size, size, 3], dtype: 'uint8' });
  let net = graph.normalize(graph.input, { mean, scale: 1 });
  net = convolution(graph, net, { name: 'conv1', channels: scaled(64), kernel: 7, strides: 2 });
  net = graph.maxPool(net, { name: 'pool1', kernel: 3, padding: version.poolPadding });

  let reached = 4;
  // Where the picture is not halved any more, the places that are read stand further apart instead.
  let dilation = 1;
  for (const [index, count] of units.entries()) {
    const block = `block${index + 1}`;
    const halves = version.halvingUnit === 'first' ? index > 0 : index < units.length - 1;
    for (let place = 1; place <= count; place++) {
      const halving = halves && place === (version.halvingUnit === 'first' ? 1 : count);
      const strides = halving && reached < outputStride;
      const dilates = halving && !strides;
      const { halvingLayer } = version;
      const inside = dilates && halvingLayer === 'conv1' ? 2 * dilation : dilation;
      const name = `${block}/unit_${place}/bottleneck_v1`;
      const channels = scaled(blockChannels[index]!);
      net = unit(graph, net, name, { channels, stride: strides ? 2 : 1, dilation: inside, halvingLayer });
      graph.endPoint(`${graph.scope}/${name}`, net);
      if (strides) reached *= 2;
      if (dilates) dilation *= 2;
    }
    graph.endPoint(`${graph.scope}/${block}`, net);
  }

  net = graph.mean(net, { name: 'pool5' });
  if (dropout > 0) net = graph.dropout(net, { name: 'dropout', keep: 1 - dropout });
  net = graph.conv2d(net, { name: 'logits', channels: classes, kernel: 1, activation: 'none', initializer });
  graph.endPoint('predictions', graph.softmax(net, { name: 'predictions/Softmax' }));
  const logits = graph.reshape(net, { name: 'SpatialSqueeze', shape: [classes] });
  return graph.build(graph.endPoint(`${graph.scope}/spatial_squeeze`, logits), scopes);
}

/**
 * The networks of He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition" (2015), with the names of TF-Slim's
 * `nets/resnet_v1.py`, for pictures of any size.
 */
export const resnetBackbones: readonly Backbone[] = Object.entries(versions).flatMap(([version, row]) =>
  Object.entries(depths).map(([depth, units]) => ({
    name: `${version}_${depth}`,
    description: `ResNet of ${depth} layers, ${row.what} (He et al., 2015)`,
    defaults: { classes: 1000, size: 224 },
    heads: Object.keys(heads),
    preprocessing: 'vgg',
    build: (options = {}) => build(`${version}_${depth}`, units, row, options),
  })),
);
