import type { BatchNormNode, DropoutNode, Node, Shape } from '@graftjs/core';
import type { Tensor, Tfjs } from './tfjs.js';

/** Of a batch, `[channels]` each; the variance is that without Bessel's correction. */
export type Statistics = {
  readonly mean: Tensor;
  readonly variance: Tensor;
};

/** What an operation may ask for besides the values that it reads. */
export interface LoweringContext {
  readonly tf: Tfjs;
  /** The shape of one example of a node's value, or of the graph's input. */
  shape(name: string): Shape;
  /** A variable in TF-Slim's layout. */
  variable(name: string): Tensor;
  /** What a dropout multiplies its input with, `[N, ...shape]`; undefined where it drops nothing. */
  mask(node: DropoutNode): Tensor | undefined;
  /** The batch's own statistics; undefined for a normalization that uses its moving averages. */
  statistics(node: BatchNormNode): Statistics | undefined;
}

export interface BackwardContext extends LoweringContext {
  /** Values of the node's inputs that the lowering keeps. */
  input(index: number): Tensor;
  /** The node's value, where the lowering keeps it. */
  output(): Tensor;
  /** Whether anything learns through a node's input, so that its gradient is wanted. */
  readonly wantsInput: boolean;
  /** Whether a variable is trained. */
  trains(variable: string): boolean;
  /** Gives the gradient of a variable that is trained; called once for each. */
  setGradient(variable: string, gradient: Tensor): void;
}

/** Values that the way back reads. */
export interface Keeps {
  readonly inputs?: boolean;
  readonly output?: boolean;
}

/**
 * An operation on TensorFlow.js. Values are `[N, ...shape]`, float32. Each part runs within `tf.tidy`, and gives tensors of its
 * own, never one that came in.
 */
export interface Lowering<N extends Node> {
  forward(context: LoweringContext, node: N, inputs: readonly Tensor[]): Tensor;
  /** Default: nothing. */
  keeps?(node: N, trains: (variable: string) => boolean): Keeps;
  /**
   * @param dy the loss's gradient by the node's value
   * @returns that by each of its inputs; none where it is not wanted
   */
  backward(context: BackwardContext, node: N, dy: Tensor): readonly Tensor[];
}
