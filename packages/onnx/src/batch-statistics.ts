import { type BatchNormNode, elementCount } from '@graftjs/core';
import { deviationOf, gammaGradient } from './lower-batch-norm.js';
import type { GradientSums, InputGradient, Statistics } from './lowering.js';
import { OnnxGraph } from './onnx-graph.js';

/** Names of ONNX values `[channels]` of a normalization by the batch's own statistics, of the whole batch. */
export const batchValueNames = (node: string): Statistics & GradientSums & InputGradient => ({
  mean: `${node}:mean`,
  variance: `${node}:variance`,
  sum: `${node}:sum`,
  product: `${node}:product`,
  slope: `${node}:slope`,
  scale: `${node}:scale`,
  shift: `${node}:shift`,
});

/** Those of the same of a piece of the batch, which a graph of a step gives, before they are joined. */
export const pieceValueNames = (node: string): Statistics & GradientSums => ({
  mean: `${node}:piece-mean`,
  variance: `${node}:piece-variance`,
  sum: `${node}:piece-sum`,
  product: `${node}:piece-product`,
});

/** Inputs for what share of the batch's examples each piece has, `[pieces, 1]`, and for the number of these examples, `[]`. */
export const pieceShares = 'graft:shares';
export const batchExamples = 'graft:examples';

/**
 * An ONNX graph that joins what the pieces of a batch have given. Its values are `[channels]`, those of pieces a row for each,
 * `[pieces, channels]`.
 */
export interface JoinGraph {
  readonly bytes: Uint8Array;
  /** Values of pieces that are inputs, and how many channels they have. */
  readonly pieces: ReadonlyMap<string, number>;
  /** Values of the batch that are inputs. */
  readonly takes: readonly string[];
  /** Variables that are. */
  readonly variables: readonly string[];
  /** Values of the batch that are outputs. */
  readonly gives: readonly string[];
}

class JoinWriter {
  readonly onnx: OnnxGraph;
  readonly pieces = new Map<string, number>();
  readonly takes: string[] = [];
  readonly variables: string[] = [];
  readonly gives: string[] = [];

  constructor(name: string) {
    this.onnx = new OnnxGraph(name);
  }

  rows(name: string, { shape }: BatchNormNode): string {
    this.pieces.set(name, shape.at(-1)!);
    return this.onnx.input(name, 'float32', ['P', shape.at(-1)!]);
  }

  take(name: string, { shape }: BatchNormNode): string {
    this.takes.push(name);
    return this.onnx.input(name, 'float32', [shape.at(-1)!]);
  }

  variable(name: string, { shape }: BatchNormNode): string {
    this.variables.push(name);
    return this.onnx.input(name, 'float32', [shape.at(-1)!]);
  }

  give(value: string, name: string, { shape }: BatchNormNode): void {
    this.gives.push(name);
    this.onnx.output(value, name, 'float32', [shape.at(-1)!]);
  }

  sumOverPieces(rows: string): string {
    return this.onnx.add('ReduceSum', [rows, this.onnx.ints([0])], { keepdims: 0 });
  }

  end(): JoinGraph {
    const { onnx, pieces, takes, variables, gives } = this;
    return { bytes: onnx.encode(true), pieces, takes, variables, gives };
  }
}

/**
 * Joins means and variances of the pieces without a loss of digits: the variance of the batch is the mean of theirs and of the
 * squares that their means differ by from the batch's. Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for
 * computing sample variances" (1979).
 */
export function joinStatistics(nodes: readonly BatchNormNode[]): JoinGraph {
  const writer = new JoinWriter('statistics');
  const { onnx } = writer;
  const shares = onnx.input(pieceShares, 'float32', ['P', 1]);
  const meanOf = (rows: string) => writer.sumOverPieces(onnx.add('Mul', [rows, shares]));
  for (const node of nodes) {
    const names = batchValueNames(node.name);
    const piece = pieceValueNames(node.name);
    const means = writer.rows(piece.mean, node);
    const variances = writer.rows(piece.variance, node);
    const mean = meanOf(means);
    const apart = onnx.add('Sub', [means, mean]);
    const variance = meanOf(onnx.add('Add', [variances, onnx.add('Mul', [apart, apart])]));
    writer.give(mean, names.mean, node);
    writer.give(variance, names.variance, node);
  }
  return writer.end();
}

/**
 * Joins sums over gradients, and gives what the gradient of a normalization's input takes where the statistics change with it:
 * `slope * (dy - mean of dy - normalized x * mean of (dy * normalized x))`.
 */
export function joinSums(nodes: readonly BatchNormNode[]): JoinGraph {
  const writer = new JoinWriter('sums');
  const { onnx } = writer;
  const examples = onnx.input(batchExamples, 'float32', []);
  for (const node of nodes) {
    const names = batchValueNames(node.name);
    const piece = pieceValueNames(node.name);
    const statistics = { mean: writer.take(names.mean, node), variance: writer.take(names.variance, node) };
    const sum = writer.sumOverPieces(writer.rows(piece.sum, node));
    const products = writer.sumOverPieces(writer.rows(piece.product, node));
    const product = gammaGradient(onnx, node, { sum, product: products }, statistics);
    const factor = node.gamma === undefined ? onnx.floats([1], []) : writer.variable(node.gamma, node);
    const slope = onnx.add('Div', [factor, deviationOf(onnx, node, statistics.variance)]);
    const values = onnx.add('Mul', [examples, onnx.floats([elementCount(node.shape.slice(0, -1))], [])]);
    const share = onnx.add('Div', [onnx.add('Neg', [slope]), values]);
    writer.give(sum, names.sum, node);
    writer.give(product, names.product, node);
    writer.give(slope, names.slope, node);
    writer.give(onnx.add('Mul', [share, product]), names.scale, node);
    writer.give(onnx.add('Mul', [share, sum]), names.shift, node);
  }
  return writer.end();
}
