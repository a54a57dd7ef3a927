import type { BatchNormNode, Conv2dNode, DropoutNode, Node, NodeOf, OpName, Shape } from '@graftjs/core';
import type { OnnxGraph } from './onnx-graph.js';
import type { Arrangement, Blocks } from './weight-arrangement.js';

/** ONNX values `[channels]`: means, and variances without Bessel's correction. */
export interface Statistics {
  readonly mean: string;
  readonly variance: string;
}

/** ONNX values `[channels]` of the gradient `dy` of a normalization's value, over all places of some examples. */
export interface GradientSums {
  /** The sum of `dy`: the gradient of beta. */
  readonly sum: string;
  /**
   * Of a piece of a batch, the sum of `dy` times the input. Of the batch, that of `dy` times the normalized input: the gradient
   * of gamma.
   */
  readonly product: string;
}

/** ONNX values `[channels]`: the gradient of a normalization's input is `slope * dy + scale * normalized input + shift`. */
export interface InputGradient {
  readonly slope: string;
  readonly scale: string;
  readonly shift: string;
}

/**
 * What a lowering may ask for while it writes. Inside the engine images are NCHW: a value of shape `[h, w, c]` is an
 * ONNX value of dims `[N, c, h, w]`, one of shape `[c]` has dims `[N, c]`.
 */
export interface LoweringContext {
  readonly onnx: OnnxGraph;
  /** True where the graph always runs with one example. */
  readonly single: boolean;
  /** The ONNX value that stands for a node or for the graph's input. */
  value(name: string): string;
  /** The shape of a node or of the graph's input, of one example. */
  shape(name: string): Shape;
  /** The ONNX value of a variable, in the layout that the engine keeps it in. */
  variable(name: string): string;
  /** The shape of a variable in TF-Slim's layout. */
  variableShape(name: string): Shape;
  /**
   * The biases of a convolution where adding them is all that reads it, and what comes out of `forward` is to have them added;
   * else undefined.
   */
  takeBiases(node: Conv2dNode): string | undefined;
  /**
   * The batch normalization that is all that reads a convolution, where it uses its moving averages: what comes out of
   * `forward` is to be normalized; else undefined.
   */
  takeBatchNorm(node: Conv2dNode): BatchNormNode | undefined;
  /** True where a rectifier is all that reads a convolution with what was taken: what comes out of `forward` is to be rectified. */
  takeRelu(node: Conv2dNode): boolean;
  /** Channels side by side in the runtime's blocked layout, `[N, c / b, h, w, b]`; 1 where there is none. */
  readonly blockSize: number;
  /** True where dense layers take their matrices as `transposed`. */
  readonly transposesDense: boolean;
  /** `value` in that layout. */
  blockedValue(name: string): string;
  /** True where a value is in that layout already. */
  isBlocked(name: string): boolean;
  /**
   * Weights of a convolution in another form, and its blocks where it has some.
   * @param batchNorm one by moving averages, whose factors the weights are to have
   */
  arranged(
    weights: string,
    arrangement: Arrangement,
    batchNorm?: BatchNormNode,
  ): { readonly value: string; readonly blocks: Blocks | undefined };
  /** True where a batch normalization uses the batch's own statistics. */
  usesBatchStatistics(node: BatchNormNode): boolean;
  /** The batch's own statistics, found before this graph runs. */
  statistics(node: BatchNormNode): Statistics;
  /** The mask that a dropout multiplies with; undefined outside of training. */
  dropoutMask(node: DropoutNode): string | undefined;
}

/** What a lowering may ask for while it writes the way back. */
export interface GradientContext extends LoweringContext {
  /** True where the gradient of one of the node's inputs is wanted. */
  readonly wantsInput: boolean;
  /** True where the variable is trained. */
  trains(variable: string): boolean;
  /** Adds to the sum of a trained variable's gradients since the last update; `value` has the variable's layout. */
  addGradient(variable: string, value: string): void;
  /**
   * That sum as it is, for a node that adds to it by itself and calls `setGradient` with the new sum: a vector, or a matrix whose
   * rows are the first axis of the variable's layout.
   */
  gradientSoFar(variable: string): string;
  setGradient(variable: string, sum: string): void;
  /** Gives the sums of a normalization by the batch's own statistics over the examples of the graph. */
  giveSums(node: BatchNormNode, sums: GradientSums): void;
}

/** One operation in ONNX: forward, and the way back. */
export interface Lowering<N extends Node> {
  /** Writes the node and gives its value, or one in the runtime's blocked layout. */
  forward(context: LoweringContext, node: N): string | { readonly blocked: string };
  /**
   * Given the gradient `dy` of the node's value, sets those of its variables and gives that of each input; undefined
   * where none is wanted.
   */
  backward(context: GradientContext, node: N, dy: string): readonly (string | undefined)[];
}

export type Lowerings = { readonly [K in OpName]: Lowering<NodeOf<K>> };

/** `[top, bottom, left, right]` as ONNX writes pads: both beginnings, then both ends. */
export const onnxPads = ([top, bottom, left, right]: readonly [number, number, number, number]): number[] => [
  top,
  left,
  bottom,
  right,
];
