import type { Conv2dNode, DropoutNode, Node, NodeOf, OpName, Shape } from '@graftjs/core';
import type { OnnxGraph } from './onnx-graph.js';

/**
 * What a lowering may ask for while it writes. Inside the engine pictures are NCHW: a value of shape `[h, w, c]` is an
 * ONNX value of dims `[N, c, h, w]`, one of shape `[c]` has dims `[N, c]`.
 */
export interface LoweringContext {
  readonly onnx: OnnxGraph;
  /** The ONNX value that stands for a node or for the graph's input. */
  value(name: string): string;
  /** The shape of a node or of the graph's input, of one example. */
  shape(name: string): Shape;
  /** The ONNX value of a variable, in the layout that the engine keeps it in. */
  variable(name: string): string;
  /** The shape of a variable in TF-Slim's layout. */
  variableShape(name: string): Shape;
  /** The biases that are added to a convolution and nothing else reads it, so that one ONNX node does both. */
  fusedBiases(node: Conv2dNode): string | undefined;
  /** The mask that a dropout multiplies with; undefined outside of training. */
  dropoutMask(node: DropoutNode): string | undefined;
}

/** What a lowering may ask for while it writes the way back. */
export interface GradientContext extends LoweringContext {
  /** True where the gradient of the node's first input is wanted. */
  readonly wantsInput: boolean;
  /** True where the variable is trained. */
  trains(variable: string): boolean;
  /**
   * The sum of a trained variable's gradients since the last update, in its layout: for a node that can add to it, so that
   * `setGradient` gets the new sum.
   */
  gradientSoFar(variable: string): string;
  /** Gives the gradient of a trained variable, in the variable's layout. */
  setGradient(variable: string, value: string): void;
}

/** One operation in ONNX: forward, and the way back. */
export interface Lowering<N extends Node> {
  /** Writes the node and gives its value. */
  forward(context: LoweringContext, node: N): string;
  /**
   * Given the gradient `dy` of the node's value, sets those of its variables and gives that of each input; undefined
   * where it is not wanted.
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
