import type { BatchNormNode, Conv2dNode, DropoutNode, Graph, Node, Shape } from '@graftjs/core';
import { batchValueNames, pieceValueNames } from './batch-statistics.js';
import type { Layouts } from './layouts.js';
import { ownStatistics } from './lower-batch-norm.js';
import type { GradientSums, Lowering, LoweringContext, Statistics } from './lowering.js';
import { lowerings } from './lowerings.js';
import { OnnxGraph } from './onnx-graph.js';
import { type Arrangement, type Arranging, arrangedDims, blocksOf } from './weight-arrangement.js';

/** Dims of a value in the engine: `[N, c, h, w]` or `[N, c]`, for so many examples or, by default, any number. */
export function engineDims(shape: Shape): (number | string)[];
export function engineDims(shape: Shape, examples: number): number[];
export function engineDims(shape: Shape, examples: number | string = 'N'): (number | string)[] {
  if (shape.length !== 3) return [examples, ...shape];
  return [examples, shape[2]!, shape[0]!, shape[1]!];
}

/** A value that leaves an ONNX graph or enters it; a node's own name is taken inside. */
export const valueName = (node: string): string => `${node}:value`;

/** What an ONNX graph is written for. */
interface WriterOptions {
  /** Whether dropout drops: masks are inputs then. */
  readonly dropsOut: boolean;
  /** Whether it always runs with one example. Default false. */
  readonly single?: boolean;
  /** Whether dense layers are to take their matrices transposed, where a session keeps them so as well. Default false. */
  readonly transposesDense?: boolean;
  /** Channels side by side in the runtime's blocked layout, where the writer may use it. Default 1: it may not. */
  readonly blockSize?: number;
  /** Batch normalizations that use the batch's own statistics. Default: none. */
  readonly ownStatistics?: ReadonlySet<string>;
  /** Nodes whose own values are asked for, so that they cannot disappear in others. */
  readonly kept?: Iterable<string>;
  /**
   * Gives the ONNX value of a variable where the graph holds its weights itself; then it also leaves to onnxruntime what that
   * does with weights that it knows, such as folding batch normalization into them. Default: variables are inputs.
   */
  readonly weights?: (variable: string, dims: readonly number[]) => string;
  /** Nodes that are computed here where their values are asked for, and that are no inputs. Default: none. */
  readonly recomputed?: ReadonlySet<string>;
}

/** The name of an input for what there is of a sum before a graph adds to it. */
export const nameSoFar = (name: string): string => `${name}-so-far`;

/** Names of ONNX values that stand for one value, in two layouts. */
interface Written {
  plain?: string;
  blocked?: string;
}

/** Writes the nodes of a graph, forward, into an ONNX graph. */
export class GraphWriter implements LoweringContext {
  readonly onnx: OnnxGraph;
  readonly single: boolean;
  readonly blockSize: number;
  readonly transposesDense: boolean;
  /** Values of nodes that this ONNX graph does not compute and takes as inputs. */
  readonly taken = new Set<string>();
  /** Variables that are inputs. */
  readonly variables = new Set<string>();
  /** Arranged weights that are inputs, by the inputs' names. */
  readonly arrangements = new Map<string, Arranging>();
  /** Dropouts whose masks are inputs, by the inputs' names. */
  readonly masks = new Map<string, DropoutNode>();
  /** Values of the whole batch that are inputs, of normalizations that use its own statistics. */
  readonly batchValues = new Set<string>();
  readonly #graph: Graph;
  readonly #layouts: Layouts;
  readonly #options: WriterOptions;
  readonly #values = new Map<string, Written>();
  readonly #nodes: ReadonlyMap<string, Node>;
  readonly #shapes: ReadonlyMap<string, Shape>;
  readonly #variableShapes: ReadonlyMap<string, Shape>;
  /** The node that is all that reads another one, where its own value is not asked for. */
  readonly #onlyReaders = new Map<string, Node>();
  /** Nodes that are written together with their input, whose value then is theirs. */
  readonly #absorbed = new Set<string>();

  constructor(graph: Graph, layouts: Layouts, options: WriterOptions) {
    this.onnx = new OnnxGraph(graph.name);
    this.single = options.single ?? false;
    this.blockSize = options.blockSize ?? 1;
    this.transposesDense = options.transposesDense ?? false;
    this.#graph = graph;
    this.#layouts = layouts;
    this.#options = options;
    this.#nodes = new Map(graph.nodes.map((node) => [node.name, node]));
    this.#shapes = new Map([
      [graph.input.name, graph.input.shape],
      ...graph.nodes.map((node) => [node.name, node.shape] as const),
    ]);
    this.#variableShapes = new Map(graph.variables.map(({ name, shape }) => [name, shape]));
    this.#findOnlyReaders(new Set(options.kept));
  }

  #findOnlyReaders(kept: ReadonlySet<string>): void {
    const readers = new Map<string, Node[]>();
    for (const node of this.#graph.nodes)
      for (const name of node.inputs) readers.set(name, [...(readers.get(name) ?? []), node]);
    for (const [name, [reader, ...others]] of readers)
      if (others.length === 0 && !kept.has(name)) this.#onlyReaders.set(name, reader!);
  }

  #written(name: string): Written {
    const found = this.#values.get(name);
    if (found) return found;
    if (this.#options.recomputed?.has(name)) this.write([this.#nodes.get(name)!]);
    else this.#values.set(name, { plain: this.#take(name) });
    return this.#values.get(name)!;
  }

  /** A value that is computed elsewhere. Images that the graph is fed come as NHWC. */
  #take(name: string): string {
    const { input } = this.#graph;
    this.taken.add(name);
    if (name !== input.name) return this.onnx.input(valueName(name), 'float32', this.dims(name));
    const fed = this.onnx.input(valueName(name), input.dtype, ['N', ...input.shape]);
    return input.shape.length === 3 ? this.onnx.add('Transpose', [fed], { perm: [0, 3, 1, 2] }) : fed;
  }

  // Lowerings take these out of the context, so they are bound.
  readonly value = (name: string): string => {
    const written = this.#written(name);
    written.plain ??= this.onnx.blocked('ReorderOutput', [written.blocked!], { channels: this.shape(name)[2]! });
    return written.plain;
  };

  readonly blockedValue = (name: string): string => {
    const written = this.#written(name);
    written.blocked ??= this.onnx.blocked('ReorderInput', [written.plain!]);
    return written.blocked;
  };

  readonly isBlocked = (name: string): boolean => this.#written(name).blocked !== undefined;

  readonly arranged = (weights: string, arrangement: Arrangement, batchNorm?: BatchNormNode) => {
    const name = [weights, arrangement, ...(batchNorm ? [batchNorm.name] : [])].join(':');
    const dims = arrangedDims(this.#layouts.dims(weights), arrangement);
    this.arrangements.set(name, { weights, arrangement, ...(batchNorm && { batchNorm }) });
    return { value: this.onnx.input(name, 'float32', dims), blocks: blocksOf(dims, this.blockSize) };
  };

  readonly shape = (name: string): Shape => this.#shapes.get(name)!;

  readonly variable = (name: string): string => {
    this.variables.add(name);
    if (this.#options.weights) return this.#options.weights(name, this.#layouts.dims(name));
    return this.onnx.input(name, 'float32', this.#layouts.dims(name));
  };

  readonly variableShape = (name: string): Shape => this.#variableShapes.get(name)!;

  readonly takeBiases = (node: Conv2dNode): string | undefined => {
    const reader = this.#onlyReaders.get(node.name);
    if (reader?.op !== 'bias') return undefined;
    this.#absorbed.add(reader.name);
    return reader.biases;
  };

  readonly takeBatchNorm = (node: Conv2dNode): BatchNormNode | undefined => {
    const reader = this.#onlyReaders.get(node.name);
    if (reader?.op !== 'batchNorm' || this.usesBatchStatistics(reader) || this.#options.weights) return undefined;
    this.#absorbed.add(reader.name);
    return reader;
  };

  readonly takeRelu = (node: Conv2dNode): boolean => {
    const reader = this.#onlyReaders.get(node.name);
    const last = reader && this.#absorbed.has(reader.name) ? this.#onlyReaders.get(reader.name) : reader;
    if (last?.op !== 'relu') return false;
    this.#absorbed.add(last.name);
    return true;
  };

  readonly usesBatchStatistics = ({ name }: BatchNormNode): boolean => this.#options.ownStatistics?.has(name) ?? false;

  readonly statistics = (node: BatchNormNode): Statistics => {
    const { mean, variance } = batchValueNames(node.name);
    return { mean: this.batchValue(mean, node), variance: this.batchValue(variance, node) };
  };

  /** A value `[channels]` of the whole batch, by its name. */
  batchValue(name: string, { shape }: BatchNormNode): string {
    this.batchValues.add(name);
    return this.onnx.input(name, 'float32', [shape.at(-1)!]);
  }

  /** Gives the examples' part of the statistics that a normalization will use, once all of the batch have done so. */
  giveStatistics(node: BatchNormNode): void {
    this.givePiece(node, ownStatistics(this, node));
  }

  /** Makes values of a normalization over the graph's own examples outputs, to be joined to those of the batch. */
  givePiece({ name, shape }: BatchNormNode, values: Statistics | GradientSums): void {
    const names: Readonly<Record<string, string>> = { ...pieceValueNames(name) };
    for (const [part, value] of Object.entries(values))
      this.onnx.output(value, names[part]!, 'float32', [shape.at(-1)!]);
  }

  readonly dropoutMask = (node: DropoutNode): string | undefined => {
    if (!this.#options.dropsOut || node.keep === 1) return undefined;
    const name = `${node.name}:mask`;
    this.masks.set(name, node);
    return this.onnx.input(name, 'float32', engineDims(node.shape));
  };

  /** Dims of a node's value, examples first. */
  dims(name: string): (number | string)[] {
    return engineDims(this.shape(name));
  }

  /** Writes nodes in their order. Values of others that they read become inputs. */
  write(nodes: readonly Node[]): void {
    for (const node of nodes) {
      const result = this.#absorbed.has(node.name)
        ? this.#written(node.inputs[0]!)
        : (lowerings[node.op] as Lowering<Node>).forward(this, node);
      this.#values.set(node.name, typeof result === 'string' ? { plain: result } : result);
    }
  }

  /** Has an ONNX value stand for a node, or for the graph's input, in all that is written from now on. */
  set(name: string, value: string): void {
    this.#values.set(name, { plain: value });
  }

  /** Makes the value of a node an output. */
  give(name: string): void {
    this.onnx.output(this.value(name), valueName(name), 'float32', this.dims(name));
  }
}
