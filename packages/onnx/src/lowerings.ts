import { elementCount, type LrnNode, type ReshapeNode } from '@graftjs/core';
import { lowerBatchNorm } from './lower-batch-norm.js';
import { lowerConvolution } from './lower-convolution.js';
import { lowerAdd, lowerConcat, lowerCrop, lowerPad, lowerSlice } from './lower-joins.js';
import { lowerAvgPool, lowerMaxPool, lowerMean } from './lower-pooling.js';
import { lowerTranspose } from './lower-transpose.js';
import type { Lowering, LoweringContext, Lowerings } from './lowering.js';
import { float } from './onnx-proto.js';

/** The sum over `2 * radius + 1` neighbouring channels of `[N, c, h, w]`. */
function sumOverChannels({ onnx }: LoweringContext, x: string, radius: number): string {
  const size = 2 * radius + 1;
  const shape = onnx.add('Shape', [x]);
  const rows = onnx.add('Unsqueeze', [
    onnx.add('Flatten', [onnx.add('Transpose', [x], { perm: [0, 2, 3, 1] })], { axis: 3 }),
    onnx.ints([1]),
  ]);
  const sums = onnx.add('Mul', [
    onnx.add('AveragePool', [rows], { kernel_shape: [size], pads: [radius, radius], count_include_pad: 1 }),
    onnx.floats([size], []),
  ]);
  const order = onnx.add('Gather', [shape, onnx.ints([0, 2, 3, 1])]);
  return onnx.add('Transpose', [onnx.add('Reshape', [sums, order])], { perm: [0, 3, 1, 2] });
}

const lowerLrn: Lowering<LrnNode> = {
  forward({ onnx, value }, { inputs, depthRadius, bias, alpha, beta }) {
    const size = 2 * depthRadius + 1;
    // ONNX divides alpha by the window.
    const attributes = { size, bias: float(bias), alpha: float(alpha * size), beta: float(beta) };
    return onnx.add('LRN', [value(inputs[0]!)], attributes);
  },
  /** With s = bias + alpha * sum(x^2): dx = dy s^-beta - 2 alpha beta x sum(dy x s^(-beta - 1)). */
  backward(context, { inputs, depthRadius, bias, alpha, beta }, dy) {
    if (!context.wantsInput) return [undefined];
    const { onnx } = context;
    const scalar = (value: number) => onnx.floats([value], []);
    const x = context.value(inputs[0]!);
    const squares = sumOverChannels(context, onnx.add('Mul', [x, x]), depthRadius);
    const s = onnx.add('Add', [onnx.add('Mul', [squares, scalar(alpha)]), scalar(bias)]);
    const scaled = onnx.add('Mul', [dy, onnx.add('Pow', [s, scalar(-beta)])]);
    const shares = sumOverChannels(context, onnx.add('Div', [onnx.add('Mul', [scaled, x]), s]), depthRadius);
    const inner = onnx.add('Mul', [onnx.add('Mul', [x, shares]), scalar(2 * alpha * beta)]);
    return [onnx.add('Sub', [scaled, inner])];
  },
};

/** The elements in TF-Slim's order: an image of more than one place is turned to NHWC first. */
const lowerReshape: Lowering<ReshapeNode> = {
  forward(context, node) {
    return reshape(context, context.value(node.inputs[0]!), context.shape(node.inputs[0]!), node.shape);
  },
  backward(context, node, dy) {
    return [context.wantsInput ? reshape(context, dy, node.shape, context.shape(node.inputs[0]!)) : undefined];
  },
};

function reshape({ onnx }: LoweringContext, x: string, from: readonly number[], to: readonly number[]): string {
  const places = (shape: readonly number[]) => (shape.length === 3 ? elementCount(shape.slice(0, 2)) : 1);
  const nhwc = places(from) > 1 ? onnx.add('Transpose', [x], { perm: [0, 2, 3, 1] }) : x;
  if (to.length !== 3) return onnx.add('Reshape', [nhwc, onnx.ints([-1, ...to])]);
  if (places(to) === 1) return onnx.add('Reshape', [nhwc, onnx.ints([-1, to[2]!, 1, 1])]);
  return onnx.add('Transpose', [onnx.add('Reshape', [nhwc, onnx.ints([-1, ...to])])], { perm: [0, 3, 1, 2] });
}

/** Every operation of core, in ONNX; one that is missing does not compile. */
export const lowerings: Lowerings = {
  conv2d: lowerConvolution,
  conv2dTranspose: lowerTranspose,
  batchNorm: lowerBatchNorm,
  add: lowerAdd,
  concat: lowerConcat,
  slice: lowerSlice,
  pad: lowerPad,
  crop: lowerCrop,
  maxPool: lowerMaxPool,
  avgPool: lowerAvgPool,
  mean: lowerMean,
  lrn: lowerLrn,
  reshape: lowerReshape,
  softmax: {
    forward: ({ onnx, value }, { inputs }) => onnx.add('Softmax', [value(inputs[0]!)], { axis: 1 }),
    // y * (dy - sum(dy y)).
    backward({ onnx, value, wantsInput }, { name }, dy) {
      if (!wantsInput) return [undefined];
      const y = value(name);
      const sum = onnx.add('ReduceSum', [onnx.add('Mul', [dy, y]), onnx.ints([1])], { keepdims: 1 });
      return [onnx.add('Mul', [y, onnx.add('Sub', [dy, sum])])];
    },
  },
  normalize: {
    forward({ onnx, value }, { inputs, mean, scale }) {
      const pixels = onnx.add('Cast', [value(inputs[0]!)], { to: 1 });
      const centred = onnx.add('Sub', [pixels, onnx.floats(mean, [mean.length, 1, 1])]);
      return scale.every((factor) => factor === 1)
        ? centred
        : onnx.add('Mul', [centred, onnx.floats(scale, [scale.length, 1, 1])]);
    },
    backward: ({ onnx, wantsInput }, { scale }, dy) => [
      wantsInput ? onnx.add('Mul', [dy, onnx.floats(scale, [scale.length, 1, 1])]) : undefined,
    ],
  },
  bias: {
    forward({ onnx, value, variable }, { inputs, biases, shape }) {
      const wanted =
        shape.length === 3 ? onnx.add('Reshape', [variable(biases), onnx.ints([-1, 1, 1])]) : variable(biases);
      return onnx.add('Add', [value(inputs[0]!), wanted]);
    },
    backward({ onnx, trains, addGradient, wantsInput }, { biases, shape }, dy) {
      if (trains(biases)) {
        const axes = onnx.ints(shape.length === 3 ? [0, 2, 3] : [0]);
        addGradient(biases, onnx.add('ReduceSum', [dy, axes], { keepdims: 0 }));
      }
      return [wantsInput ? dy : undefined];
    },
  },
  relu: {
    forward({ onnx, value, blockedValue, isBlocked }, { inputs: [x] }) {
      if (isBlocked(x!)) return { blocked: onnx.add('Relu', [blockedValue(x!)]) };
      return onnx.add('Relu', [value(x!)]);
    },
    // min(max(3e38 y, 0), 1) is 1 where the gradient passes and 0 elsewhere, in half of the time of Sign(y).
    backward({ onnx, value, wantsInput }, { name }, dy) {
      if (!wantsInput) return [undefined];
      return [onnx.add('Mul', [dy, onnx.add('HardSigmoid', [value(name)], { alpha: float(3e38), beta: float(0) })])];
    },
  },
  dropout: {
    forward({ onnx, value, dropoutMask }, node) {
      const mask = dropoutMask(node);
      return mask === undefined ? value(node.inputs[0]!) : onnx.add('Mul', [value(node.inputs[0]!), mask]);
    },
    backward({ onnx, dropoutMask, wantsInput }, node, dy) {
      if (!wantsInput) return [undefined];
      const mask = dropoutMask(node);
      return [mask === undefined ? dy : onnx.add('Mul', [dy, mask])];
    },
  },
};
