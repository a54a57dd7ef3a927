import { type BatchNormNode, elementCount } from '@graftjs/core';
import type { GradientContext, GradientSums, Lowering, LoweringContext, Statistics } from './lowering.js';
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
  return context.onnx.add('Div', [factor(context, node), deviationOf(context, node, variance)]);
}

/** `sqrt(variance + epsilon)`. */
function deviationOf({ onnx }: LoweringContext, { epsilon }: BatchNormNode, variance: string): string {
  return onnx.add('Sqrt', [onnx.add('Add', [variance, onnx.floats([epsilon], [])])]);
}

/** The sum over all places of all examples, `[channels]`. */
function sumOverPlaces({ onnx }: LoweringContext, { shape }: BatchNormNode, value: string): string {
  return onnx.add('ReduceSum', [value, onnx.ints(shape.length === 3 ? [0, 2, 3] : [0])], { keepdims: 0 });
}

/** Statistics of the examples so far: means, and sums of squared differences from these. */
export interface JoinedStatistics {
  readonly mean: string;
  readonly squares: string;
}

/**
 * Joins the examples of a graph to those before them, without a loss of digits: Chan, Golub and LeVeque, "Updating formulae
 * and a pairwise algorithm for computing sample variances" (1979).
 * @param examplesBefore the number of these, a float; what `before` holds does not count where there are none, but is finite
 */
export function joinStatistics(
  context: LoweringContext,
  node: BatchNormNode,
  before: JoinedStatistics,
  examplesBefore: string,
): JoinedStatistics {
  const { onnx } = context;
  const x = context.value(node.inputs[0]!);
  const [zero, one] = [all(context, node, 0), all(context, node, 1)];
  // With a momentum of 0 the new moving averages are the own statistics, and the old ones count for nothing. But the kernel
  // writes each where it finds the old one, even over an input: so these are values that nothing else reads.
  const two = onnx.floats([2], []);
  const old = [onnx.add('Mul', [before.mean, two]), onnx.add('Mul', [before.squares, two])];
  const attributes = { training_mode: 1, momentum: float(0), epsilon: float(node.epsilon) };
  const [, mean, variance] = onnx.addMany('BatchNormalization', [x, one, zero, ...old], 3, attributes);
  const places = onnx.floats([elementCount(node.shape.slice(0, -1))], []);
  const examples = onnx.add('Cast', [onnx.add('Squeeze', [onnx.add('Shape', [x], { start: 0, end: 1 })])], { to: 1 });
  const share = onnx.add('Div', [examples, onnx.add('Add', [examples, examplesBefore])]);
  const step = onnx.add('Sub', [mean!, before.mean]);
  const own = onnx.add('Mul', [variance!, onnx.add('Mul', [examples, places])]);
  const apart = onnx.add('Mul', [onnx.add('Mul', [examplesBefore, places]), share]);
  const between = onnx.add('Mul', [onnx.add('Mul', [step, step]), apart]);
  return {
    mean: onnx.add('Add', [before.mean, onnx.add('Mul', [step, share])]),
    squares: onnx.add('Add', [onnx.add('Add', [before.squares, own]), between]),
  };
}

/**
 * The gradient of the input of a normalization by the batch's own statistics, which change with it:
 * `slope * (dy - mean of dy - normalized x * mean of (dy * normalized x))`.
 * @param sums those of the whole batch
 */
export function gradientThroughStatistics(
  context: LoweringContext,
  node: BatchNormNode,
  dy: string,
  { sum, product }: GradientSums,
): string {
  const { onnx } = context;
  const statistics = context.statistics(node);
  const slope = slopeOf(context, node, statistics.variance);
  const share = onnx.add('Div', [onnx.add('Neg', [slope]), context.batchValues(node)]);
  const through = [onnx.add('Mul', [share, product]), onnx.add('Mul', [share, sum])] as const;
  const x = context.value(node.inputs[0]!);
  return onnx.add('Add', [scaled(context, node, dy, slope), normalized(context, node, x, through, statistics)]);
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
      context.addSums(node, sums(context, node, dy));
      return [undefined];
    }
    if (gamma !== undefined && context.trains(gamma)) {
      const { sum, product } = sums(context, node, dy);
      context.addGradient(gamma, product);
      if (context.trains(beta)) context.addGradient(beta, sum);
    } else if (context.trains(beta)) context.addGradient(beta, sumOverPlaces(context, node, dy));
    if (!context.wantsInput) return [undefined];
    return [scaled(context, node, dy, slopeOf(context, node, statisticsOf(context, node).variance))];
  },
};

function sums(context: GradientContext, node: BatchNormNode, dy: string): GradientSums {
  const { onnx } = context;
  const { mean, variance } = statisticsOf(context, node);
  const sum = sumOverPlaces(context, node, dy);
  const x = context.value(node.inputs[0]!);
  // The sum of dy * (x - mean), without a pass over x - mean.
  const products = sumOverPlaces(context, node, onnx.add('Mul', [dy, x]));
  const centred = onnx.add('Sub', [products, onnx.add('Mul', [mean, sum])]);
  return { sum, product: onnx.add('Div', [centred, deviationOf(context, node, variance)]) };
}
