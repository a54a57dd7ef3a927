import {
  type BatchNormNode,
  type Conv2dNode,
  type Graph,
  kernelShape,
  type Node,
  type Padding,
  type Shape,
} from '@graftjs/core';
import {
  addStep,
  type Kernel,
  reachOf,
  type Step,
  type StepKind,
  type Window,
  withoutNestedConcats,
} from './network.js';

/** A convolution of a graph with what belongs to it, or a batch normalization by itself. */
export interface GraphLayer {
  readonly convolution?: Conv2dNode;
  /** The variable. */
  biases?: string;
  batchNorm?: BatchNormNode;
}

type GraphStep = Step<GraphLayer>;

/** What each operation is a step of; `passing` is none. */
const kinds: Readonly<Record<Node['op'], StepKind | 'passing'>> = {
  normalize: 'passing',
  relu: 'passing',
  dropout: 'passing',
  reshape: 'passing',
  softmax: 'passing',
  pad: 'passing',
  conv2d: 'convolution',
  batchNorm: 'normalization',
  add: 'add',
  concat: 'concat',
  maxPool: 'maxPool',
  avgPool: 'averagePool',
  mean: 'averagePool',
  lrn: 'lrn',
  bias: 'other',
  slice: 'other',
  conv2dTranspose: 'other',
  crop: 'other',
};

function kernelOf(node: Conv2dNode, read: GraphStep, image: Shape, weights: Shape): Kernel {
  const { groups, dilations, padding } = node;
  const [height, width, channels] = image as readonly [number, number, number];
  const [kh, kw] = kernelShape(weights, channels, groups) as readonly [number, number];
  const isDense = kh === height && kw === width && padding.every((size) => size === 0);
  return {
    size: isDense ? undefined : [kh, kw],
    channels: node.shape[2]!,
    groups,
    reach: reachOf(read.spacing, [kh, kw], dilations),
  };
}

const noPadding: Padding = [0, 0, 0, 0];

/** @param around what a step before has added */
function windowOf(node: Node, variableShapes: ReadonlyMap<string, Shape>, around = noPadding): Window | undefined {
  if (node.op !== 'conv2d' && node.op !== 'maxPool' && node.op !== 'avgPool') return undefined;
  const [height, width] = node.op === 'conv2d' ? variableShapes.get(node.weights)! : node.kernel;
  const [top, bottom, left, right] = node.padding;
  return {
    kernel: [height!, width!],
    strides: node.strides,
    dilations: node.op === 'conv2d' ? node.dilations : [1, 1],
    padding: [top + around[0], bottom + around[1], left + around[2], right + around[3]],
    countsPadding: around.some((size) => size > 0),
  };
}

/** Makes a bias or a normalization a part of the convolution that it follows, if it may. */
function joins(node: Node, layer: GraphLayer): boolean {
  if (layer.batchNorm) return false;
  if (node.op === 'bias') layer.biases = node.biases;
  else if (node.op === 'batchNorm') layer.batchNorm = node;
  else return false;
  return true;
}

/** The steps of a graph, each behind those that it reads. */
export function networkOfGraph({ input, nodes, variables }: Graph): GraphStep[] {
  const variableShapes = new Map(variables.map(({ name, shape }) => [name, shape]));
  const shapes = new Map([input, ...nodes].map(({ name, shape }) => [name, shape]));
  const readers = new Map<string, number>();
  for (const name of nodes.flatMap(({ inputs }) => inputs)) readers.set(name, (readers.get(name) ?? 0) + 1);

  const steps: GraphStep[] = [];
  const values = new Map([[input.name, addStep<GraphLayer>(steps, { kind: 'input', name: input.name, inputs: [] })]]);
  /** What is added around values. */
  const around = new Map<string, Padding>();
  /** Values that are a convolution's own, so that what follows may belong to it. */
  const open = new Set<string>();
  for (const node of nodes) {
    const { name, inputs: read } = node;
    const from = read[0]!;
    const inputs = read.map((one) => values.get(one)!);
    const [first] = inputs as [GraphStep];
    const kind = kinds[node.op];
    const isBehind = open.has(from) && readers.get(from) === 1 && first.layer !== undefined;
    const window = windowOf(node, variableShapes, around.get(from));
    if (node.op === 'pad') around.set(name, node.padding);
    if (node.op === 'relu') first.activations.add('Relu');
    if (kind === 'passing') values.set(name, first);
    else if (isBehind && joins(node, first.layer!)) {
      values.set(name, first);
      open.add(name);
    } else if (node.op === 'conv2d') {
      const kernel = kernelOf(node, first, shapes.get(from)!, variableShapes.get(node.weights)!);
      const { strides } = node;
      values.set(
        name,
        addStep(steps, {
          kind: 'convolution',
          name,
          inputs,
          strides,
          kernel,
          isPoint: node.shape[0] === 1 && node.shape[1] === 1,
          ...(window && { window }),
          layer: { convolution: node },
        }),
      );
      open.add(name);
    } else {
      const strides = node.op === 'maxPool' || node.op === 'avgPool' ? { strides: node.strides } : {};
      const layer = node.op === 'batchNorm' ? { layer: { batchNorm: node } } : {};
      values.set(
        name,
        addStep<GraphLayer>(steps, { kind, name, inputs, ...strides, ...(window && { window }), ...layer }),
      );
    }
  }
  return withoutNestedConcats(steps);
}
