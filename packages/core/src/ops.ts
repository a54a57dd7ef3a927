import { elementCount, formatShape, type Shape, sameShape } from './dtype.js';
import { GraphError } from './errors.js';

/** Rows and columns. */
export type Pair = readonly [height: number, width: number];

/** Zeros added around an image: top, bottom, left, right. */
export type Padding = readonly [top: number, bottom: number, left: number, right: number];

interface NodeBase {
  /** Unique in the graph; TensorFlow's name of the operation where it has one: `vgg_16/conv1/conv1_1/Conv2D`. */
  readonly name: string;
  /** Names of the nodes (or of the graph's input) that it reads. */
  readonly inputs: readonly string[];
  /** Of one example, without the batch axis. */
  readonly shape: Shape;
}

interface Window {
  readonly kernel: Pair;
  readonly strides: Pair;
  readonly padding: Padding;
}

/** `(x - mean) * scale`, one mean and one scale a channel, in float32; takes uint8 as well. */
export interface NormalizeNode extends NodeBase {
  readonly op: 'normalize';
  readonly mean: readonly number[];
  readonly scale: readonly number[];
}

/**
 * Cross-correlation of `[h, w, in]` with `weights` `[kh, kw, in / groups, out]`: input and output channels are cut into as many
 * `groups`, and each group of outputs reads the group of inputs in its place. See `kernelShape` for the other form of weights.
 */
export interface Conv2dNode extends NodeBase {
  readonly op: 'conv2d';
  /** 1 for an ordinary convolution; as many as `in` for a depthwise one. */
  readonly groups: number;
  readonly weights: string;
  readonly strides: Pair;
  readonly padding: Padding;
  readonly dilations: Pair;
}

/**
 * What `conv2d` of these weights, strides and padding does to the gradient of its value on the way back, as
 * `tf.nn.conv2d_transpose`: each place of `[h, w, in]` adds its product with `weights` `[kh, kw, out, in]` to the window that
 * belongs to it, and the padding is cut off.
 */
export interface Conv2dTransposeNode extends NodeBase {
  readonly op: 'conv2dTranspose';
  readonly weights: string;
  readonly strides: Pair;
  /** Rows and columns that are cut off. */
  readonly padding: Padding;
}

/** Adds `biases` `[channels]` along the last axis. */
export interface BiasNode extends NodeBase {
  readonly op: 'bias';
  readonly biases: string;
}

/**
 * Batch normalization, as `slim.batch_norm`: `(x - mean) / sqrt(variance + epsilon) * gamma + beta`, a channel each. Mean and
 * variance are those of all places of all examples of the batch (the variance without Bessel's correction) where
 * `usesBatchStatistics` says so, in training; else `movingMean` and `movingVariance`.
 *
 * Each batch that is normalized by its own statistics moves these: `moving -= (1 - decay) * (moving - own)`, where the own
 * variance has Bessel's correction, as in TensorFlow.
 */
export interface BatchNormNode extends NodeBase {
  readonly op: 'batchNorm';
  /** Variables, all `[channels]`. Without `gamma` the factor is 1. */
  readonly gamma?: string;
  readonly beta: string;
  readonly movingMean: string;
  readonly movingVariance: string;
  readonly epsilon: number;
  /** From 0 to 1. */
  readonly decay: number;
}

/** The sum of its inputs, which have one shape. */
export interface AddNode extends NodeBase {
  readonly op: 'add';
}

/** Its inputs side by side along the last axis; all other sizes are the same. */
export interface ConcatNode extends NodeBase {
  readonly op: 'concat';
}

/** Of the last axis, `size` places from `start` on. */
export interface SliceNode extends NodeBase {
  readonly op: 'slice';
  readonly start: number;
  readonly size: number;
}

/** Zeros around an image, which count in what follows: padding of a pooling never does. */
export interface PadNode extends NodeBase {
  readonly op: 'pad';
  readonly padding: Padding;
}

/** An image without its outer rows and columns. */
export interface CropNode extends NodeBase {
  readonly op: 'crop';
  /** How many are cut off. */
  readonly margins: Padding;
}

/** `max(x, 0)`. */
export interface ReluNode extends NodeBase {
  readonly op: 'relu';
}

/** The largest value of each window; padding never wins. */
export interface MaxPoolNode extends NodeBase, Window {
  readonly op: 'maxPool';
}

/** The mean of each window; padding does not count, as in TensorFlow. */
export interface AvgPoolNode extends NodeBase, Window {
  readonly op: 'avgPool';
}

/**
 * Local response normalization across channels: `x / (bias + alpha * sum(x^2))^beta`, the sum over `depthRadius`
 * channels to either side. `alpha` is not divided by the window, as in `tf.nn.lrn`.
 */
export interface LrnNode extends NodeBase {
  readonly op: 'lrn';
  readonly depthRadius: number;
  readonly bias: number;
  readonly alpha: number;
  readonly beta: number;
}

/** In training each element is kept with probability `keep` and divided by it, else zero; elsewhere the identity. */
export interface DropoutNode extends NodeBase {
  readonly op: 'dropout';
  readonly keep: number;
}

/** The mean over height and width, which become 1. */
export interface MeanNode extends NodeBase {
  readonly op: 'mean';
}

/** The same elements, row-major, in another shape. */
export interface ReshapeNode extends NodeBase {
  readonly op: 'reshape';
}

/** Probabilities along the last axis: `exp(x) / sum(exp(x))`. */
export interface SoftmaxNode extends NodeBase {
  readonly op: 'softmax';
}

/** The closed set of operations. Each has a shape rule here and a lowering in every engine. */
export type Node =
  | NormalizeNode
  | Conv2dNode
  | Conv2dTransposeNode
  | BiasNode
  | BatchNormNode
  | AddNode
  | ConcatNode
  | SliceNode
  | PadNode
  | CropNode
  | ReluNode
  | MaxPoolNode
  | AvgPoolNode
  | LrnNode
  | DropoutNode
  | MeanNode
  | ReshapeNode
  | SoftmaxNode;

/** The name of an operation: `conv2d`. */
export type OpName = Node['op'];

/** The node of one operation. */
export type NodeOf<K extends OpName> = Extract<Node, { op: K }>;

/** The variables that a node reads. */
export function variablesOf(node: Node): readonly string[] {
  if (node.op === 'conv2d' || node.op === 'conv2dTranspose') return [node.weights];
  if (node.op === 'bias') return [node.biases];
  if (node.op === 'batchNorm') {
    const { gamma, beta, movingMean, movingVariance } = node;
    return [...(gamma === undefined ? [] : [gamma]), beta, movingMean, movingVariance];
  }
  return [];
}

/**
 * A convolution's weights as `[kh, kw, in / groups, out]`. Where each channel is a group of its own TensorFlow has
 * `[kh, kw, in, out / in]` (`depthwise_weights`): the same elements in the same order.
 * @param channels `in`
 */
export function kernelShape(weights: Shape, channels: number, groups: number): Shape {
  const [height, width, inputs, outputs] = weights as readonly [number, number, number, number];
  return groups === channels ? [height, width, 1, inputs * outputs] : weights;
}

/** A node before its shape is known. `reshape` has to say its own. */
export type NodeSpec = Node extends infer N
  ? N extends ReshapeNode
    ? N
    : N extends Node
      ? Omit<N, 'shape'>
      : never
  : never;

/** What a shape rule may ask for. */
export interface ShapeContext {
  /** The shape of the node's inputs, in their order. */
  readonly inputs: readonly Shape[];
  /** The shape of a variable. */
  variable(name: string): Shape;
}

type ShapeRule<K extends OpName> = (
  node: K extends 'reshape' ? ReshapeNode : Omit<NodeOf<K>, 'shape'>,
  context: ShapeContext,
) => Shape;

function fail(node: { name: string; op: string }, problem: string): never {
  throw new GraphError('graph/shape', `${node.name} (${node.op}): ${problem}`, { details: { node: node.name } });
}

function image(node: { name: string; op: string }, { inputs }: ShapeContext): readonly [number, number, number] {
  const [shape] = inputs;
  if (shape?.length !== 3) {
    fail(node, `it takes an image of height x width x channels, and its input is ${formatShape(shape ?? [])}.`);
  }
  return shape as readonly [number, number, number];
}

/** Where a window of `kernel` (grown by `dilations`) fits on a padded image. */
function windows(
  node: { name: string; op: string; strides: Pair; padding: Padding },
  [height, width]: readonly number[],
  kernel: Pair,
  dilations: Pair = [1, 1],
): Pair {
  const padded: Pair = [height! + node.padding[0] + node.padding[1], width! + node.padding[2] + node.padding[3]];
  const reach: Pair = [(kernel[0] - 1) * dilations[0] + 1, (kernel[1] - 1) * dilations[1] + 1];
  if (padded[0] < reach[0] || padded[1] < reach[1]) {
    fail(
      node,
      `a window of ${formatShape(reach)} does not fit its input of ${height}x${width}` +
        (node.padding.some((size) => size > 0) ? ` padded to ${formatShape(padded)}.` : '.') +
        ' Give the network a larger image.',
    );
  }
  return [
    Math.floor((padded[0] - reach[0]) / node.strides[0]) + 1,
    Math.floor((padded[1] - reach[1]) / node.strides[1]) + 1,
  ];
}

function pooled(node: { name: string; op: string } & Window, context: ShapeContext): Shape {
  const [height, width, channels] = image(node, context);
  return [...windows(node, [height, width], node.kernel), channels];
}

const unchanged = (_node: unknown, { inputs }: ShapeContext): Shape => inputs[0]!;

/** The shape that each operation makes of its inputs' shapes; `GraphError` names the node where they do not fit. */
export const shapeRules: { readonly [K in OpName]: ShapeRule<K> } = {
  normalize(node, context) {
    const shape = image(node, context);
    for (const values of [node.mean, node.scale])
      if (values.length !== shape[2])
        fail(node, `${node.mean.length} means and ${node.scale.length} scales for ${shape[2]} channels.`);
    return shape;
  },
  conv2d(node, context) {
    const [height, width, channels] = image(node, context);
    const weights = context.variable(node.weights);
    if (weights.length !== 4)
      fail(node, `weights are kh x kw x in x out, and ${node.weights} is ${formatShape(weights)}.`);
    const { groups } = node;
    const [kh, kw, inputs, outputs] = kernelShape(weights, channels, groups) as readonly [
      number,
      number,
      number,
      number,
    ];
    const isDepthwise = groups === channels && (weights[2] === 1 || weights[2] === channels);
    if (!isDepthwise && inputs * groups !== channels) {
      const takes = groups === 1 ? `${inputs} channels` : `${groups} groups of ${inputs} channels`;
      fail(node, `${node.weights} (${formatShape(weights)}) takes ${takes}, and its input has ${channels}.`);
    }
    if (outputs % groups !== 0) fail(node, `its ${outputs} channels do not make ${groups} groups.`);
    return [...windows(node, [height, width], [kh, kw], node.dilations), outputs];
  },
  conv2dTranspose(node, context) {
    const [height, width, channels] = image(node, context);
    const weights = context.variable(node.weights);
    if (weights.length !== 4 || weights[3] !== channels) {
      const takes = 'weights are kh x kw x out x in';
      fail(node, `${takes}; ${node.weights} is ${formatShape(weights)}, and its input has ${channels} channels.`);
    }
    const [kh, kw, outputs] = weights as readonly [number, number, number, number];
    const [top, bottom, left, right] = node.padding;
    const size: Pair = [
      (height - 1) * node.strides[0] + kh - top - bottom,
      (width - 1) * node.strides[1] + kw - left - right,
    ];
    if (size[0] < 1 || size[1] < 1) fail(node, `nothing is left of ${formatShape([height, width])} places.`);
    return [...size, outputs];
  },
  bias(node, context) {
    const [shape] = context.inputs;
    const biases = context.variable(node.biases);
    if (biases.length !== 1 || biases[0] !== shape!.at(-1)) {
      fail(node, `${node.biases} is ${formatShape(biases)}, and its input has ${shape!.at(-1)} channels.`);
    }
    return shape!;
  },
  batchNorm(node, context) {
    const [shape] = context.inputs;
    for (const name of variablesOf({ ...node, shape: shape! })) {
      const found = context.variable(name);
      if (found.length !== 1 || found[0] !== shape!.at(-1))
        fail(node, `${name} is ${formatShape(found)}, and its input has ${shape!.at(-1)} channels.`);
    }
    if (!(node.epsilon > 0)) fail(node, `epsilon is ${node.epsilon}; accepted: above 0.`);
    if (!(node.decay >= 0 && node.decay <= 1)) fail(node, `decay is ${node.decay}; accepted: from 0 to 1.`);
    return shape!;
  },
  add(node, { inputs: [first, ...others] }) {
    if (others.length === 0) fail(node, 'it has one input; accepted: two or more.');
    for (const other of others)
      if (!sameShape(other, first!)) fail(node, `${formatShape(first!)} and ${formatShape(other)} cannot be added.`);
    return first!;
  },
  concat(node, { inputs }) {
    const [first, ...others] = inputs;
    for (const other of others) {
      if (!sameShape(other.slice(0, -1), first!.slice(0, -1)))
        fail(node, `${formatShape(first!)} and ${formatShape(other)} do not fit side by side.`);
    }
    return [...first!.slice(0, -1), inputs.reduce((sum, shape) => sum + shape.at(-1)!, 0)];
  },
  slice(node, { inputs: [shape] }) {
    const { start, size } = node;
    const channels = shape!.at(-1)!;
    if (!(start >= 0 && size > 0 && start + size <= channels))
      fail(node, `${size} channels from ${start} on are not in its input, which has ${channels}.`);
    return [...shape!.slice(0, -1), size];
  },
  pad(node, context) {
    const [height, width, channels] = image(node, context);
    const [top, bottom, left, right] = node.padding;
    if (!node.padding.every((size) => Number.isSafeInteger(size) && size >= 0))
      fail(node, `its padding is ${node.padding.join(', ')}; accepted: whole numbers from 0 on.`);
    return [height + top + bottom, width + left + right, channels];
  },
  crop(node, context) {
    const [height, width, channels] = image(node, context);
    const [top, bottom, left, right] = node.margins;
    if (!node.margins.every((size) => Number.isSafeInteger(size) && size >= 0))
      fail(node, `its margins are ${node.margins.join(', ')}; accepted: whole numbers from 0 on.`);
    const size: Pair = [height - top - bottom, width - left - right];
    if (size[0] < 1 || size[1] < 1)
      fail(node, `margins of ${node.margins.join(', ')} leave nothing of ${formatShape([height, width])}.`);
    return [...size, channels];
  },
  relu: unchanged,
  maxPool: pooled,
  avgPool: pooled,
  lrn: (node, context) => image(node, context),
  dropout(node, context) {
    if (!(node.keep > 0 && node.keep <= 1)) fail(node, `keep is ${node.keep}; accepted: above 0, at most 1.`);
    return unchanged(node, context);
  },
  mean: (node, context) => [1, 1, image(node, context)[2]],
  reshape(node, { inputs }) {
    if (elementCount(node.shape) !== elementCount(inputs[0]!)) {
      fail(node, `${formatShape(inputs[0]!)} cannot become ${formatShape(node.shape)}.`);
    }
    return node.shape;
  },
  softmax: unchanged,
};
