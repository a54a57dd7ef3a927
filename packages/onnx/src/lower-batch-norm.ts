import type { BatchNormNode } from '@graftjs/core';
import type {
  GradientContext,
  GradientSums,
  InputGradient,
  Lowering,
  LoweringContext,
  Statistics,
} from './lowering.js';
import type { OnnxGraph } from './onnx-graph.js';
import { float } from './onnx-proto.js';

/** A value for each channel. */
function all({ onnx }: LoweringContext, { shape }: BatchNormNode, value: number): string {
  return onnx.add('Expand', [onnx.floats([value], []), onnx.ints([shape.at(-1)!])]);
}

const factor = (context: LoweringContext, node: BatchNormNode): string =>
  node.gamma === undefined ? all(context, node, 1) : context.variable(node.gamma);

/** What it is normalized by. */
function statisticsOf(context: LoweringContext, node: BatchNormNode): Statistics {
  if (context.usesBatchStatistics(node)) return context.statistics(node);
  return { mean: context.variable(node.movingMean), variance: context.variable(node.movingVariance) };
}

/** `(x - mean) / sqrt(variance + epsilon) * scale + shift`, in one pass. */
function normalized(
  { onnx }: LoweringContext,
  { epsilon }: BatchNormNode,
  x: string,
  [scale, shift]: readonly [string, string],
  { mean, variance }: Statistics,
): string {
  return onnx.add('BatchNormalization', [x, scale, shift, mean, variance], { epsilon: float(epsilon) });
}

/** What a normalization by moving averages adds to each channel, once that is multiplied by its factor. */
export function shiftOf(context: LoweringContext, node: BatchNormNode): string {
  const { mean, variance } = statisticsOf(context, node);
  const shifted = context.onnx.add('Mul', [mean, slopeOf(context, node, variance)]);
  return context.onnx.add('Sub', [context.variable(node.beta), shifted]);
}

function slopeOf(context: LoweringContext, node: BatchNormNode, variance: string): string {
  return context.onnx.add('Div', [factor(context, node), deviationOf(context.onnx, node, variance)]);
}

/** `sqrt(variance + epsilon)`. */
export function deviationOf(onnx: OnnxGraph, { epsilon }: BatchNormNode, variance: string): string {
  return onnx.add('Sqrt', [onnx.add('Add', [variance, onnx.floats([epsilon], [])])]);
}

/** The sum over all places of all examples, `[channels]`. */
function sumOverPlaces({ onnx }: LoweringContext, { shape }: BatchNormNode, value: string): string {
  return onnx.add('ReduceSum', [value, onnx.ints(shape.length === 3 ? [0, 2, 3] : [0])], { keepdims: 0 });
}

/** Mean and variance of each channel, over all places of all examples of a graph. */
export function ownStatistics(context: LoweringContext, node: BatchNormNode): Statistics {
  const zero = all(context, node, 0);
  // With a momentum of 0 the new moving averages are the own statistics, and the old ones count for nothing.
  const attributes = { training_mode: 1, momentum: float(0), epsilon: float(node.epsilon) };
  const inputs = [context.value(node.inputs[0]!), all(context, node, 1), zero, zero, zero];
  const [, mean, variance] = context.onnx.addMany('BatchNormalization', inputs, 3, attributes);
  return { mean: mean!, variance: variance! };
}

/** The sum of `dy` times the normalized input, without a pass over that. */
export function gammaGradient(
  onnx: OnnxGraph,
  node: BatchNormNode,
  { sum, product }: GradientSums,
  { mean, variance }: Statistics,
): string {
  const centred = onnx.add('Sub', [product, onnx.add('Mul', [mean, sum])]);
  return onnx.add('Div', [centred, deviationOf(onnx, node, variance)]);
}

/** The gradient of the input of a normalization by the batch's own statistics, which change with it. */
export function gradientThroughStatistics(
  context: LoweringContext,
  node: BatchNormNode,
  dy: string,
  { slope, scale, shift }: InputGradient,
): string {
  const x = context.value(node.inputs[0]!);
  const through = normalized(context, node, x, [scale, shift], context.statistics(node));
  return context.onnx.add('Add', [scaled(context, node, dy, slope), through]);
}

/** A value times a factor for each channel. */
function scaled(context: LoweringContext, node: BatchNormNode, value: string, factors: string): string {
  const none = { mean: all(context, node, 0), variance: all(context, node, 1 - node.epsilon) };
  return normalized(context, node, value, [factors, all(context, node, 0)], none);
}

export const lowerBatchNorm: Lowering<BatchNormNode> = {
  forward(context, node) {
    const x = context.value(node.inputs[0]!);
    const scaleAndShift = [factor(context, node), context.variable(node.beta)] as const;
    return normalized(context, node, x, scaleAndShift, statisticsOf(context, node));
  },
  /** By the batch's own statistics: only the sums. The gradient of its input has to wait for those of all examples. */
  backward(context, node, dy) {
    const { gamma, beta } = node;
    if (context.usesBatchStatistics(node)) {
      context.giveSums(node, sums(context, node, dy));
      return [undefined];
    }
    if (gamma !== undefined && context.trains(gamma)) {
      const found = sums(context, node, dy);
      context.addGradient(gamma, gammaGradient(context.onnx, node, found, statisticsOf(context, node)));
      if (context.trains(beta)) context.addGradient(beta, found.sum);
    } else if (context.trains(beta)) context.addGradient(beta, sumOverPlaces(context, node, dy));
    if (!context.wantsInput) return [undefined];
    return [scaled(context, node, dy, slopeOf(context, node, statisticsOf(context, node).variance))];
  },
};

/** Of the examples of the graph. */
function sums(context: GradientContext, node: BatchNormNode, dy: string): GradientSums {
  const x = context.value(node.inputs[0]!);
  const sum = sumOverPlaces(context, node, dy);
  return { sum, product: sumOverPlaces(context, node, context.onnx.add('Mul', [dy, x])) };
}
