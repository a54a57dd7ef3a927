import {
  type Backbone,
  type BackboneOptions,
  type BatchNormOptions,
  type Graph,
  GraphBuilder,
  type NameMap,
  pick,
  UsageError,
  type Value,
} from '@graftjs/core';
import { inceptionV1 } from './inception-v1.js';
import { inceptionV2 } from './inception-v2.js';
import { inceptionV3 } from './inception-v3.js';
import { addLayer, addMixed, conv, type Layer, type Mixed, type Scaling } from './layers.js';
import { kerasNames, pytorchNames } from './name-maps.js';

/** A network: what lies below its head, and what the head's layers are called. */
interface Network {
  readonly description: string;
  /** Of its variables. */
  readonly scope: string;
  readonly classes: number;
  readonly size: number;
  /** The smallest image of which something is left. */
  readonly smallest: number;
  readonly batchNorm: BatchNormOptions;
  /** @param scaled channels at the network's width */
  layers(scaled: Scaling['scaled']): readonly (Layer | Mixed)[];
  readonly head: { readonly pool: string; readonly dropout: string; readonly logits: string };
  /** The module that the auxiliary layers begin at, and what their loss is multiplied with. */
  readonly auxiliary?: { readonly after: string; readonly weight: number };
  /** The layers with the last features at strides of 2, 4, 8, 16 and 32. */
  readonly levels: readonly [string, string, string, string, string];
  readonly nameMaps: readonly NameMap[];
}

/** `inception_v1_arg_scope` and so on of TF-Slim, which have no gamma. */
const slimNorm = { epsilon: 0.001, decay: 0.9997 };

const head2 = { pool: 'AvgPool_1a_7x7', dropout: 'Dropout_1b', logits: 'Conv2d_1c_1x1' };
const version3 = {
  scope: 'InceptionV3',
  size: 299,
  smallest: 75,
  head: { ...head2, pool: 'AvgPool_1a_8x8' },
  auxiliary: { after: 'Mixed_6e', weight: 0.4 },
  levels: ['Conv2d_2b_3x3', 'Conv2d_4a_3x3', 'Mixed_5d', 'Mixed_6e', 'Mixed_7c'],
} satisfies Partial<Network>;

const networks: Readonly<Record<string, Network>> = {
  inception_v1: {
    description: 'Inception v1: GoogLeNet with batch normalization (Szegedy et al., 2014)',
    scope: 'InceptionV1',
    classes: 1001,
    size: 224,
    smallest: 1,
    batchNorm: slimNorm,
    layers: () => inceptionV1,
    head: { pool: 'MaxPool_0a_7x7', dropout: 'Dropout_0b', logits: 'Conv2d_0c_1x1' },
    levels: ['Conv2d_1a_7x7', 'Conv2d_2c_3x3', 'Mixed_3c', 'Mixed_4f', 'Mixed_5c'],
    nameMaps: [],
  },
  inception_v2: {
    description: 'Inception v2 (Ioffe and Szegedy, 2015)',
    scope: 'InceptionV2',
    classes: 1001,
    size: 224,
    smallest: 1,
    batchNorm: slimNorm,
    layers: (scaled) => inceptionV2(scaled(64)),
    head: head2,
    levels: ['Conv2d_1a_7x7', 'Conv2d_2c_3x3', 'Mixed_3c', 'Mixed_4e', 'Mixed_5c'],
    nameMaps: [],
  },
  inception_v3: {
    ...version3,
    description: 'Inception v3 (Szegedy et al., 2015)',
    classes: 1001,
    batchNorm: slimNorm,
    layers: () => inceptionV3('average'),
    nameMaps: kerasNames,
  },
  inception_v3b: {
    ...version3,
    description: 'Inception v3 as torchvision and timm (Szegedy et al., 2015)',
    classes: 1000,
    batchNorm: { scale: true, epsilon: 0.001, decay: 0.9 },
    layers: () => inceptionV3('counting'),
    nameMaps: pytorchNames,
  },
};

/** The auxiliary layers' logits. TF-Slim names one of them by its kernel, which is smaller for small images. */
function addAuxiliary(graph: GraphBuilder, x: Value, classes: number, scaling: Scaling): Value {
  const scope = 'AuxLogits';
  const window = Math.min(x.shape[0]!, x.shape[1]!, 5);
  let net = graph.avgPool(x, { name: `${scope}/AvgPool_1a_5x5`, kernel: window, strides: 3 });
  net = addLayer(graph, net, conv(`${scope}/Conv2d_1b_1x1`, 128, 1), scaling);
  const kernel = Math.min(net.shape[0]!, net.shape[1]!, 5);
  const whole = { padding: 'VALID', deviation: 0.01 } as const;
  net = addLayer(graph, net, conv(`${scope}/Conv2d_2a_${kernel}x${kernel}`, 768, kernel, whole), scaling);
  if (Math.max(net.shape[0]!, net.shape[1]!) > 1) net = graph.mean(net, { name: `${scope}/Mean` });
  const last = { name: `${scope}/Conv2d_2b_1x1`, channels: classes, kernel: 1, activation: 'none' } as const;
  net = graph.conv2d(net, { ...last, initializer: { kind: 'truncated-normal', deviation: 0.001 } });
  return graph.reshape(net, { name: `${scope}/SpatialSqueeze`, shape: [classes] });
}

const heads = ['slim'];

function build(name: string, network: Network, options: BackboneOptions): Graph {
  const { classes = network.classes, size = network.size, width = 1, dropout = 0.2 } = options;
  pick(`head of ${name}`, options.head ?? 'slim', Object.fromEntries(heads.map((head) => [head, head])));
  const { smallest, batchNorm, head } = network;
  const { imageSize = [size, size] } = options;
  const received = Math.min(...imageSize);
  if (received < smallest)
    throw new UsageError('usage/size', `${name} takes images of at least ${smallest} pixels, and ${received} came.`);
  if (options.outputStride !== undefined) {
    throw new UsageError('usage/output-stride', `${name} has no other output stride than its own, 32; leave it out.`);
  }
  const scaled = (channels: number) => Math.max(1, Math.round(channels * width));
  const scaling = { scaled, batchNorm };

  const graph = new GraphBuilder(name, { name: 'images', shape: [...imageSize, 3], dtype: 'uint8' }, network.scope);
  // From -1 to 1.
  let net = graph.normalize(graph.input, { mean: [127.5, 127.5, 127.5], scale: 1 / 127.5 });
  let branchesOff = net;
  for (const layer of network.layers(scaled)) {
    net = 'branches' in layer ? addMixed(graph, net, layer, scaling) : addLayer(graph, net, layer, scaling);
    graph.endPoint(layer.name, net);
    if (layer.name === network.auxiliary?.after) branchesOff = net;
  }

  const auxiliary: { output: Value; weight: number }[] = [];
  if (network.auxiliary) {
    const output = graph.endPoint('AuxLogits', addAuxiliary(graph, branchesOff, classes, scaling));
    auxiliary.push({ output, weight: network.auxiliary.weight });
  }

  // TF-Slim's window is all of an image of the network's own size; the mean is that of any size.
  net = graph.mean(net, { name: `Logits/${head.pool}` });
  net = graph.dropout(net, { name: `Logits/${head.dropout}`, keep: 1 - dropout });
  graph.endPoint('PreLogits', net);
  const last = { name: `Logits/${head.logits}`, channels: classes, kernel: 1, activation: 'none' } as const;
  net = graph.conv2d(net, { ...last, initializer: { kind: 'he-normal' } });
  const logits = graph.endPoint('Logits', graph.reshape(net, { name: 'Logits/SpatialSqueeze', shape: [classes] }));
  graph.endPoint('Predictions', graph.softmax(logits, { name: 'Predictions/Softmax' }));
  return graph.build(logits, ['Logits', ...(network.auxiliary ? ['AuxLogits'] : [])], auxiliary);
}

/**
 * The networks of Szegedy and others, "Going Deeper with Convolutions" (2014), Ioffe and Szegedy, "Batch Normalization" (2015),
 * and Szegedy and others, "Rethinking the Inception Architecture for Computer Vision" (2015), as TF-Slim's `nets/inception_v1.py`,
 * `inception_v2.py` and `inception_v3.py` have them, for images of any size, from 75 up for version 3.
 */
export const inceptionBackbones: readonly Backbone[] = Object.entries(networks).map(([name, network]) => ({
  name,
  description: network.description,
  defaults: { classes: network.classes, size: network.size },
  heads,
  preprocessing: 'inception',
  nameMaps: network.nameMaps,
  levels: network.levels.map((endPoint, index) => ({ stride: 2 ** (index + 1), endPoint })),
  build: (options = {}) => build(name, network, options),
}));
