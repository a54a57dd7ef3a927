import { type Conv2dNode, type DropoutNode, type Graph, GraphError, type Node, type Shape } from '@graftjs/core';
import type { Layouts } from './layouts.js';
import type { Lowering, LoweringContext } from './lowering.js';
import { lowerings } from './lowerings.js';
import { OnnxGraph } from './onnx-graph.js';

/** Dims of a value in the engine: `[N, c, h, w]` or `[N, c]`. */
export function engineDims(shape: Shape): (number | string)[] {
  if (shape.length !== 3) return ['N', ...shape];
  return ['N', shape[2]!, shape[0]!, shape[1]!];
}

/** The ONNX input of a dropout's mask. */
export const maskName = (node: DropoutNode): string => `${node.name}:mask`;

/** Writes the nodes of a graph, forward, into an ONNX graph. */
export class GraphWriter implements LoweringContext {
  readonly onnx: OnnxGraph;
  readonly #graph: Graph;
  readonly #layouts: Layouts;
  readonly #values = new Map<string, string>();
  readonly #shapes: ReadonlyMap<string, Shape>;
  readonly #variables: ReadonlyMap<string, Shape>;
  /** Biases by the convolution that takes them along, and the bias nodes that then have nothing left to do. */
  readonly #fused = new Map<string, string>();
  readonly #dropsOut: boolean;

  /**
   * @param dropsOut whether dropout drops: masks are inputs then
   * @param kept nodes whose own values are asked for, so that they cannot disappear in others
   */
  constructor(
    graph: Graph,
    layouts: Layouts,
    options: { readonly dropsOut: boolean; readonly kept?: readonly string[] },
  ) {
    this.onnx = new OnnxGraph(graph.name);
    this.#graph = graph;
    this.#layouts = layouts;
    this.#dropsOut = options.dropsOut;
    this.#shapes = new Map([
      [graph.input.name, graph.input.shape],
      ...graph.nodes.map((node) => [node.name, node.shape] as const),
    ]);
    this.#variables = new Map(graph.variables.map(({ name, shape }) => [name, shape]));
    this.#fuseBiases(new Set(options.kept));
  }

  #fuseBiases(kept: ReadonlySet<string>): void {
    const readers = new Map<string, Node[]>();
    for (const node of this.#graph.nodes)
      for (const name of node.inputs) readers.set(name, [...(readers.get(name) ?? []), node]);
    for (const node of this.#graph.nodes) {
      const [reader, ...others] = readers.get(node.name) ?? [];
      if (node.op === 'conv2d' && reader?.op === 'bias' && others.length === 0 && !kept.has(node.name)) {
        this.#fused.set(node.name, reader.biases);
        this.#fused.set(reader.name, '');
      }
    }
  }

  // Lowerings take these out of the context, so they are bound.
  readonly value = (name: string): string => {
    const found = this.#values.get(name);
    if (found !== undefined) return found;
    throw new GraphError('graph/no-node', `${name} is not written yet: the graph's nodes are out of order.`);
  };

  readonly shape = (name: string): Shape => this.#shapes.get(name)!;

  readonly variable = (name: string): string => this.onnx.input(name, 'float32', this.#layouts.dims(name));

  readonly variableShape = (name: string): Shape => this.#variables.get(name)!;

  readonly fusedBiases = (node: Conv2dNode): string | undefined => this.#fused.get(node.name);

  readonly dropoutMask = (node: DropoutNode): string | undefined =>
    this.#dropsOut && node.keep < 1 ? this.onnx.input(maskName(node), 'float32', engineDims(node.shape)) : undefined;

  /** Declares the graph's input, examples first; pictures come as NHWC. */
  writeInput(): void {
    const { name, shape, dtype } = this.#graph.input;
    const input = this.onnx.input(name, dtype, ['N', ...shape]);
    this.#values.set(name, shape.length === 3 ? this.onnx.add('Transpose', [input], { perm: [0, 3, 1, 2] }) : input);
  }

  /** Writes one node; those that it reads are written. */
  writeNode(node: Node): void {
    const taken = node.op === 'bias' && this.#fused.has(node.name);
    const lowering = lowerings[node.op] as Lowering<Node>;
    this.#values.set(node.name, taken ? this.value(node.inputs[0]!) : lowering.forward(this, node));
  }
}

/** The nodes that the named ones depend on, themselves included, in the graph's order. */
export function nodesFor(graph: Graph, names: readonly string[]): Node[] {
  const wanted = new Set(names);
  const found: Node[] = [];
  for (const node of [...graph.nodes].reverse()) {
    if (!wanted.has(node.name)) continue;
    found.unshift(node);
    for (const name of node.inputs) wanted.add(name);
  }
  return found;
}
