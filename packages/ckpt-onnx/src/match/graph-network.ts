import { type BatchNormNode, type Conv2dNode, type Graph, kernelShape, type Node, type Shape } from '@graftjs/core';
import { addStep, reachOf, type Step, withoutNestedConcats } from './network.js';

/** A convolution of a graph, or a batch normalization by itself. */
export interface GraphLayer {
  readonly convolution?: Conv2dNode;
  /** The variable. */
  biases?: string;
  batchNorm?: BatchNormNode;
}

const passing = new Set<Node['op']>(['normalize', 'relu', 'dropout', 'reshape', 'softmax', 'pad']);
const kinds = {
  add: 'add',
  concat: 'concat',
  maxPool: 'maxPool',
  avgPool: 'averagePool',
  mean: 'averagePool',
  lrn: 'lrn',
} as const;

/** The steps of a graph, each behind those that it reads. */
export function networkOfGraph({ input, nodes, variables }: Graph): Step<GraphLayer>[] {
  const shapes = new Map<string, Shape>(variables.map(({ name, shape }) => [name, shape]));
  const readers = new Map<string, number>();
  for (const name of nodes.flatMap(({ inputs }) => inputs)) readers.set(name, (readers.get(name) ?? 0) + 1);
  const steps: Step<GraphLayer>[] = [];
  const first = addStep<GraphLayer>(steps, { kind: 'input', name: input.name, inputs: [] });
  const values = new Map([[input.name, first]]);
  const valueShapes = new Map([[input.name, input.shape], ...nodes.map(({ name, shape }) => [name, shape] as const)]);
  /** Values that are a convolution's own, which nothing else reads yet. */
  const open = new Set<string>();

  for (const node of nodes) {
    const from = node.inputs[0]!;
    const inputs = node.inputs.map((name) => values.get(name)!);
    const isOpen = open.has(from) && readers.get(from) === 1;
    const layer = inputs[0]!.layer;
    if (passing.has(node.op)) values.set(node.name, inputs[0]!);
    else if (node.op === 'bias' && isOpen && layer && !layer.batchNorm) {
      layer.biases = node.biases;
      values.set(node.name, inputs[0]!);
      open.add(node.name);
    } else if (node.op === 'batchNorm' && isOpen && layer && !layer.batchNorm) {
      layer.batchNorm = node;
      values.set(node.name, inputs[0]!);
    } else values.set(node.name, addStep(steps, { ...describe(node, inputs[0]!), name: node.name, inputs }));
    if (node.op === 'conv2d') open.add(node.name);
  }
  return withoutNestedConcats(steps);

  function describe(
    node: Node,
    read: Step<GraphLayer>,
  ): Pick<Step<GraphLayer>, 'kind' | 'kernel' | 'layer'> & { strides?: readonly [number, number] } {
    switch (node.op) {
      case 'conv2d': {
        const { groups, strides, dilations, padding } = node;
        const [height, width, channels] = valueShapes.get(node.inputs[0]!)! as [number, number, number];
        const [kh, kw] = kernelShape(shapes.get(node.weights)!, channels, groups) as [number, number, number, number];
        const isDense = kh === height && kw === width && padding.every((size) => size === 0);
        return {
          kind: 'convolution',
          strides,
          kernel: {
            size: isDense ? undefined : [kh, kw],
            channels: node.shape[2]!,
            groups,
            reach: reachOf(read.spacing, [kh, kw], dilations),
          },
          layer: { convolution: node },
        };
      }
      case 'batchNorm':
        return { kind: 'normalization', layer: { batchNorm: node } };
      case 'add':
      case 'concat':
      case 'mean':
      case 'lrn':
        return { kind: kinds[node.op] };
      case 'maxPool':
      case 'avgPool':
        return { kind: kinds[node.op], strides: node.strides };
      default:
        return { kind: 'other' };
    }
  }
}
