import { type BatchNormNode, elementCount } from '@graftjs/core';
import type { GradientContext, Lowering, LoweringContext, Statistics } from './lowering.js';
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
  const { onnx } = context;
  const deviation = onnx.add('Sqrt', [onnx.add('Add', [variance, onnx.floats([node.epsilon], [])])]);
  return onnx.add('Div', [factor(context, node), deviation]);
}

/** The sum over all places of all examples, `[channels]`. */
function sumOverPlaces({ onnx }: LoweringContext, { shape }: BatchNormNode, value: string): string {
  return onnx.add('ReduceSum', [value, onnx.ints(shape.length === 3 ? [0, 2, 3] : [0])], { keepdims: 0 });
}

export const lowerBatchNorm: Lowering<BatchNormNode> = {
  forward(context, node) {
    const x = context.value(node.inputs[0]!);
    const [scale, shift] = [factor(context, node), context.variable(node.beta)];
    if (!context.usesBatchStatistics(node))
      return normalized(context, node, x, [scale, shift], statisticsOf(context, node));
    // With a momentum of 0 the new moving averages are the batch's own statistics; the old ones count for nothing.
    const [y, mean, variance] = context.onnx.addMany('BatchNormalization', [x, scale, shift, shift, shift], 3, {
      training_mode: 1,
      momentum: float(0),
      epsilon: float(node.epsilon),
    });
    context.setStatistics(node, { mean: mean!, variance: variance! });
    return y!;
  },
  backward(context, node, dy) {
    const { onnx } = context;
    const own = context.usesBatchStatistics(node);
    const wantsInput = own && context.wantsInput;
    const statistics = statisticsOf(context, node);
    const { gamma, beta } = node;
    const sum = context.trains(beta) || wantsInput ? sumOverPlaces(context, node, dy) : undefined;
    if (context.trains(beta)) context.addGradient(beta, sum!);
    const trainsGamma = gamma !== undefined && context.trains(gamma);
    const product = trainsGamma || wantsInput ? sumOfProducts(context, node, dy, statistics) : undefined;
    if (trainsGamma) context.addGradient(gamma, product!);
    if (!context.wantsInput) return [undefined];
    const none = { mean: all(context, node, 0), variance: all(context, node, 1 - node.epsilon) };
    const slope = slopeOf(context, node, statistics.variance);
    const direct = normalized(context, node, dy, [slope, all(context, node, 0)], none);
    if (!own) return [direct];
    // Mean and variance change with x: slope * (dy - mean of dy - normalized x * mean of (dy * normalized x)).
    const examples = onnx.add('Cast', [onnx.add('Shape', [dy], { start: 0, end: 1 })], { to: 1 });
    const places = node.shape.length === 3 ? elementCount(node.shape.slice(0, 2)) : 1;
    const share = onnx.add('Div', [onnx.add('Neg', [slope]), onnx.add('Mul', [examples, onnx.floats([places], [])])]);
    const x = context.value(node.inputs[0]!);
    const through = [onnx.add('Mul', [share, product!]), onnx.add('Mul', [share, sum!])] as const;
    return [onnx.add('Add', [direct, normalized(context, node, x, through, statistics)])];
  },
};

/** The sum of `dy` times the normalized input: the gradient of gamma. */
function sumOfProducts(context: GradientContext, node: BatchNormNode, dy: string, statistics: Statistics): string {
  const x = context.value(node.inputs[0]!);
  const normal = normalized(context, node, x, [all(context, node, 1), all(context, node, 0)], statistics);
  return sumOverPlaces(context, node, context.onnx.add('Mul', [dy, normal]));
}
