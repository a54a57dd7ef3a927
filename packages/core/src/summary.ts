import { dtypeBytes, elementCount, type Shape } from './dtype.js';
import type { Graph } from './graph.js';
import { nodesFor, trainingNodes } from './nodes-for.js';
import { kernelShape, type Node, type NodeOf, type OpName, type ShapeContext, variablesOf } from './ops.js';

type FlopsRule<K extends OpName> = (node: NodeOf<K>, context: ShapeContext) => number;

const perElement =
  (flops: number) =>
  ({ shape }: Node): number =>
    flops * elementCount(shape);

const perWindow = ({ shape, kernel: [height, width] }: NodeOf<'maxPool' | 'avgPool'>): number =>
  elementCount(shape) * height * width;

/** Floating-point operations on one example in use; a window over padding counts in full. */
const flopsRules: { readonly [K in OpName]: FlopsRule<K> } = {
  normalize: perElement(2),
  conv2d({ shape, weights, groups }, { inputs: [x], variable }) {
    const [height, width, inputs] = kernelShape(variable(weights), x![2]!, groups);
    return 2 * height! * width! * inputs! * elementCount(shape);
  },
  conv2dTranspose({ weights }, { inputs: [x], variable }) {
    const [height, width, outputs] = variable(weights);
    return 2 * height! * width! * outputs! * elementCount(x!);
  },
  bias: perElement(1),
  // What is left of it in use: a factor and a summand a channel.
  batchNorm: perElement(2),
  add: (node) => (node.inputs.length - 1) * elementCount(node.shape),
  concat: perElement(0),
  slice: perElement(0),
  pad: perElement(0),
  crop: perElement(0),
  relu: perElement(1),
  maxPool: perWindow,
  avgPool: perWindow,
  // A square, the sum over the window, alpha, bias, a power and a division.
  lrn: (node) => elementCount(node.shape) * (2 * node.depthRadius + 1 + 5),
  dropout: perElement(0),
  mean: (_, { inputs }) => elementCount(inputs[0]!),
  reshape: perElement(0),
  // The largest is subtracted; a power, the sum, a division.
  softmax: perElement(4),
};

/** One layer of a network: an end point with the operations below its name, or an operation that belongs to none. */
export interface LayerSummary {
  readonly name: string;
  /** Of its last operation, for one example. */
  readonly shape: Shape;
  /** Elements of its variables, of those that are not trainable too. */
  readonly parameters: number;
  /** See `GraphSummary.flops`. */
  readonly flops: number;
  /** See `GraphSummary.activationBytes`. */
  readonly activationBytes: number;
}

/** What a network costs. */
export interface GraphSummary {
  readonly layers: readonly LayerSummary[];
  /** Elements of all variables. */
  readonly parameters: number;
  /** Those of them that training can change. */
  readonly trainableParameters: number;
  /**
   * Floating-point operations on one example in use, where auxiliary outputs are not computed: a multiplication and the addition of
   * its product are two.
   */
  readonly flops: number;
  /** Bytes of the results of all operations for one example, in float32; a reshape has none of its own. */
  readonly activationBytes: number;
}

const countElements = (variables: readonly { readonly shape: Shape }[]): number =>
  variables.reduce((sum, { shape }) => sum + elementCount(shape), 0);

/** The end point that a node's name lies below, the innermost one; else the node's own name. */
function layerOf(node: Node, graph: Graph): string {
  for (let at = node.name.lastIndexOf('/'); at > 0; at = node.name.lastIndexOf('/', at - 1)) {
    const scope = node.name.slice(0, at);
    if (Object.hasOwn(graph.endPoints, scope)) return scope;
  }
  return node.name;
}

/** The nodes that are computed for auxiliary outputs alone. */
function trainingOnly(graph: Graph): Set<Node> {
  const used = new Set(nodesFor(graph, [graph.output]));
  return new Set(trainingNodes(graph).filter((node) => !used.has(node)));
}

/** Counts parameters, operations and activations, layer by layer, in the order in which the layers begin. */
export function summarize(graph: Graph): GraphSummary {
  const shapes = new Map<string, Shape>([[graph.input.name, graph.input.shape]]);
  const variables = new Map(graph.variables.map(({ name, shape }) => [name, shape]));
  const layers = new Map<string, LayerSummary>();
  const idle = trainingOnly(graph);
  for (const node of graph.nodes) {
    shapes.set(node.name, node.shape);
    const context: ShapeContext = {
      inputs: node.inputs.map((name) => shapes.get(name)!),
      variable: (name) => variables.get(name)!,
    };
    const rule = flopsRules[node.op] as FlopsRule<OpName>;
    const name = layerOf(node, graph);
    const before = layers.get(name);
    layers.set(name, {
      name,
      shape: node.shape,
      parameters:
        (before?.parameters ?? 0) + countElements(variablesOf(node).map((name) => ({ shape: variables.get(name)! }))),
      flops: (before?.flops ?? 0) + (idle.has(node) ? 0 : rule(node, context)),
      activationBytes:
        (before?.activationBytes ?? 0) + (node.op === 'reshape' ? 0 : dtypeBytes.float32 * elementCount(node.shape)),
    });
  }
  const total = (what: 'flops' | 'activationBytes') =>
    [...layers.values()].reduce((sum, layer) => sum + layer[what], 0);
  return {
    layers: [...layers.values()],
    parameters: countElements(graph.variables),
    trainableParameters: countElements(graph.variables.filter(({ trainable }) => trainable)),
    flops: total('flops'),
    activationBytes: total('activationBytes'),
  };
}
