import {
  type Backbone,
  type BackboneOptions,
  type BatchNormOptions,
  type Conv2dOptions,
  type FeatureLevel,
  type Graph,
  GraphBuilder,
  type Normalization,
  type Padding,
  pick,
  UsageError,
  type Value,
} from '@graftjs/core';
import { type ResnetSource, resnetNameMap } from './name-maps.js';
import { type Version, versions } from './versions.js';

/** Units of each of the four blocks: the columns of the paper's table 1. */
const depths: Readonly<Record<string, readonly number[]>> = {
  50: [3, 4, 6, 3],
  101: [3, 4, 23, 3],
  152: [3, 8, 36, 3],
};

/** Channels of the 3x3 convolutions of each block; its output has four times as many. */
const blockChannels = [64, 128, 256, 512];

const normalizations: Readonly<Record<Version['preprocessing'], Normalization>> = {
  /** The mean of ImageNet's training images, RGB, as Slim subtracts it. */
  vgg: { mean: [123.68, 116.78, 103.94], deviation: [1, 1, 1] },
  /** From -1 to 1. */
  inception: { mean: [127.5, 127.5, 127.5], deviation: [127.5, 127.5, 127.5] },
};

const initializer = { kind: 'he-normal' } as const;

/** How a unit changes the size of its image, and how far apart it reads its places. */
interface UnitOptions {
  readonly channels: number;
  readonly stride: number;
  readonly dilation: number;
  readonly halvingLayer: Version['halvingLayer'];
  readonly batchNorm: BatchNormOptions;
}

/**
 * `conv2d_same` of TF-Slim: padded as if the stride were 1, half before and half after, so that a strided convolution is the
 * plain one with places left out.
 */
function convolution(graph: GraphBuilder, x: Value, options: Conv2dOptions & { kernel: number }): Value {
  const reach = (options.kernel - 1) * ((options.dilations as number | undefined) ?? 1);
  const [before, after] = [Math.floor(reach / 2), Math.ceil(reach / 2)];
  const padding: Padding = [before, after, before, after];
  return graph.conv2d(x, { padding, initializer, ...options });
}

/** `subsample` of TF-Slim. */
const subsampled = (graph: GraphBuilder, x: Value, name: string, strides: number): Value =>
  strides === 1 ? x : graph.maxPool(x, { name, kernel: 1, strides });

/** `bottleneck` of version 1: three convolutions, added to what they were given. */
function unit(
  graph: GraphBuilder,
  x: Value,
  name: string,
  { channels, stride, dilation, halvingLayer, batchNorm }: UnitOptions,
): Value {
  const [first, second] = halvingLayer === 'conv1' ? [stride, 1] : [1, stride];
  const wide = { channels: 4 * channels, kernel: 1, batchNorm, activation: 'none' } as const;
  const shortcut =
    x.shape[2] === wide.channels
      ? subsampled(graph, x, `${name}/shortcut`, stride)
      : convolution(graph, x, { name: `${name}/shortcut`, strides: stride, ...wide });
  let net = convolution(graph, x, { name: `${name}/conv1`, channels, kernel: 1, strides: first, batchNorm });
  net = convolution(graph, net, {
    name: `${name}/conv2`,
    channels,
    kernel: 3,
    strides: second,
    dilations: dilation,
    batchNorm,
  });
  net = convolution(graph, net, { name: `${name}/conv3`, ...wide });
  return graph.relu(graph.sum([shortcut, net], { name: `${name}/add` }), { name: `${name}/Relu` });
}

/** `bottleneck` of version 2: normalization and rectifier come before each convolution, and none after the sum. */
function preactivatedUnit(
  graph: GraphBuilder,
  x: Value,
  name: string,
  { channels, stride, dilation, batchNorm }: UnitOptions,
): Value {
  const wide = { channels: 4 * channels, kernel: 1, activation: 'none' } as const;
  const preact = graph.batchNorm(x, { name: `${name}/preact`, activation: 'relu', ...batchNorm });
  const shortcut =
    x.shape[2] === wide.channels
      ? subsampled(graph, x, `${name}/shortcut`, stride)
      : convolution(graph, preact, { name: `${name}/shortcut`, strides: stride, ...wide });
  let net = convolution(graph, preact, { name: `${name}/conv1`, channels, kernel: 1, batchNorm });
  net = convolution(graph, net, {
    name: `${name}/conv2`,
    channels,
    kernel: 3,
    strides: stride,
    dilations: dilation,
    batchNorm,
  });
  net = convolution(graph, net, { name: `${name}/conv3`, ...wide });
  return graph.sum([shortcut, net], { name: `${name}/add` });
}

const unitName = ({ preactivates }: Version): string => (preactivates ? 'bottleneck_v2' : 'bottleneck_v1');

/** Where a block ends with a unit that halves its image, the unit before has the last features of their size. */
function levelsOf(name: string, units: readonly number[], version: Version): FeatureLevel[] {
  return units.map((count, index) => {
    const isLast = index === units.length - 1;
    const block = `${name}/block${index + 1}`;
    const unit = `${block}/unit_${count - 1}/${unitName(version)}`;
    const end = isLast && version.preactivates ? `${name}/postnorm` : block;
    return { stride: 2 ** (index + 2), endPoint: isLast || version.halvingUnit === 'first' ? end : unit };
  });
}

const heads: Readonly<Record<string, readonly string[]>> = { slim: ['logits'] };

function build(name: string, units: readonly number[], version: Version, options: BackboneOptions): Graph {
  const { classes = version.classes, size = version.size, width = 1, dropout = 0, outputStride = 32 } = options;
  const { imageSize = [size, size] } = options;
  const scopes = pick(`head of ${name}`, options.head ?? 'slim', heads);
  if (![4, 8, 16, 32].includes(outputStride)) {
    throw new UsageError(
      'usage/output-stride',
      `${name} can have an output stride of 4, 8, 16 or 32, and ${outputStride} came.`,
    );
  }
  const scaled = (channels: number) => Math.max(1, Math.round(channels * width));
  const { preactivates, batchNorm, halvingLayer } = version;
  const addUnit = preactivates ? preactivatedUnit : unit;

  const graph = new GraphBuilder(name, { name: 'images', shape: [...imageSize, 3], dtype: 'uint8' });
  const { mean, deviation } = normalizations[version.preprocessing];
  let net = graph.normalize(graph.input, { mean, scale: deviation.map((value) => 1 / value) });
  net = convolution(graph, net, {
    name: 'conv1',
    channels: scaled(64),
    kernel: 7,
    strides: 2,
    ...(preactivates ? { activation: 'none' } : { batchNorm }),
  });
  // Where a rectifier follows, zeros never win; here negative values meet them.
  if (version.poolsOverZeros) net = graph.pad(net, { name: 'pool1/Pad', padding: [1, 1, 1, 1] });
  net = graph.maxPool(net, { name: 'pool1', kernel: 3, padding: version.poolPadding });

  let reached = 4;
  // Where the image is not halved any more, the places that are read stand further apart instead.
  let dilation = 1;
  for (const [index, count] of units.entries()) {
    const block = `block${index + 1}`;
    const halves = version.halvingUnit === 'first' ? index > 0 : index < units.length - 1;
    for (let place = 1; place <= count; place++) {
      const halving = halves && place === (version.halvingUnit === 'first' ? 1 : count);
      const strides = halving && reached < outputStride;
      const dilates = halving && !strides;
      const inside = dilates && halvingLayer === 'conv1' ? 2 * dilation : dilation;
      const name = `${block}/unit_${place}/${unitName(version)}`;
      const channels = scaled(blockChannels[index]!);
      net = addUnit(graph, net, name, {
        channels,
        stride: strides ? 2 : 1,
        dilation: inside,
        halvingLayer,
        batchNorm,
      });
      graph.endPoint(`${graph.scope}/${name}`, net);
      if (strides) reached *= 2;
      if (dilates) dilation *= 2;
    }
    graph.endPoint(`${graph.scope}/${block}`, net);
  }

  if (preactivates) net = graph.batchNorm(net, { name: 'postnorm', activation: 'relu', ...batchNorm });
  net = graph.mean(net, { name: 'pool5' });
  if (dropout > 0) net = graph.dropout(net, { name: 'dropout', keep: 1 - dropout });
  net = graph.conv2d(net, { name: 'logits', channels: classes, kernel: 1, activation: 'none', initializer });
  graph.endPoint('predictions', graph.softmax(net, { name: 'predictions/Softmax' }));
  const logits = graph.reshape(net, { name: 'SpatialSqueeze', shape: [classes] });
  return graph.build(graph.endPoint(`${graph.scope}/spatial_squeeze`, logits), scopes);
}

/**
 * The networks of He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition" (2015) and "Identity Mappings in Deep
 * Residual Networks" (2016), with the names of TF-Slim's `nets/resnet_v1.py` and `nets/resnet_v2.py`, for images of any size.
 */
export const resnetBackbones: readonly Backbone[] = Object.entries(versions).flatMap(([version, row]) =>
  Object.entries(depths).map(([depth, units]): Backbone => {
    const name = `${version}_${depth}`;
    return {
      name,
      description: `ResNet of ${depth} layers, ${row.what} (He et al., ${row.preactivates ? 2016 : 2015})`,
      defaults: { classes: row.classes, size: row.size },
      heads: Object.keys(heads),
      preprocessing: row.preprocessing,
      levels: levelsOf(name, units, row),
      nameMaps: row.sources.map((source: ResnetSource) => resnetNameMap(source, name, units, row)),
      build: (options = {}) => build(name, units, row, options),
    };
  }),
);
