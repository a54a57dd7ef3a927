import { type Conv2dNode, elementCount, type Shape } from '@graftjs/core';
import { channelsFirst } from './channels-first.js';
import { shiftOf } from './lower-batch-norm.js';
import { type GradientContext, type Lowering, type LoweringContext, onnxPads } from './lowering.js';
import { blocksOf, isHeavy } from './weight-arrangement.js';

/** Sizes of a convolution: height, width and channels of its input and of its output, and its kernel. */
interface Sizes {
  readonly input: Shape;
  readonly output: Shape;
  readonly kernel: readonly [number, number];
}

function sizes(context: LoweringContext, node: Conv2dNode): Sizes {
  const [height, width] = context.variableShape(node.weights);
  return { input: context.shape(node.inputs[0]!), output: node.shape, kernel: [height!, width!] };
}

/**
 * True for a convolution whose one window is its whole input: a dense layer. Its weights stay HWIO, which is the matrix
 * `[h * w * in, out]`; all others are kept as ONNX's Conv takes them, OIHW.
 */
export function isDense(node: Conv2dNode, input: Shape, weights: Shape): boolean {
  const isWhole = weights[0] === input[0] && weights[1] === input[1] && node.padding.every((size) => size === 0);
  return isWhole && node.groups === 1;
}

/** `[N, c, h, w]` as rows `[N, h * w * c]`, in the order of HWIO. */
function toRows(context: LoweringContext, x: string, [height, width, channels]: Shape): string {
  const { onnx } = context;
  const nhwc = height === 1 && width === 1 ? x : onnx.add('Transpose', [x], { perm: [0, 2, 3, 1] });
  return onnx.add('Reshape', [nhwc, onnx.ints([-1, height! * width! * channels!])]);
}

function toImage(context: LoweringContext, rows: string, [height, width, channels]: Shape): string {
  const { onnx } = context;
  if (height === 1 && width === 1) return onnx.add('Reshape', [rows, onnx.ints([-1, channels!, 1, 1])]);
  const nhwc = onnx.add('Reshape', [rows, onnx.ints([-1, height!, width!, channels!])]);
  return onnx.add('Transpose', [nhwc], { perm: [0, 3, 1, 2] });
}

/** True for a 1x1 convolution of every place: a product of matrices. */
function isPointwise(context: LoweringContext, { weights, groups, strides, padding }: Conv2dNode): boolean {
  const [height, width] = context.variableShape(weights);
  const everywhere = strides[0] === 1 && strides[1] === 1 && padding.every((size) => size === 0);
  return height === 1 && width === 1 && everywhere && groups === 1;
}

const dense: Lowering<Conv2dNode> = {
  forward(context, node) {
    const x = toRows(context, context.value(node.inputs[0]!), context.shape(node.inputs[0]!));
    const biases = context.takeBiases(node);
    const transB = context.transposesDense ? 1 : 0;
    const weights = transB ? context.arranged(node.weights, 'transposed').value : context.variable(node.weights);
    const inputs = [x, weights, ...(biases ? [context.variable(biases)] : [])];
    return toImage(context, context.onnx.add('Gemm', inputs, { transB }), node.shape);
  },
  backward(context, node, dy) {
    const { onnx } = context;
    const input = context.shape(node.inputs[0]!);
    const rows = toRows(context, dy, node.shape);
    if (context.trains(node.weights)) {
      const x = toRows(context, context.value(node.inputs[0]!), input);
      const sum = onnx.add('Gemm', [x, rows, context.gradientSoFar(node.weights)], { transA: 1 });
      context.setGradient(node.weights, sum);
    }
    if (!context.wantsInput) return [undefined];
    const dx = onnx.add('Gemm', [rows, context.variable(node.weights)], { transB: 1 });
    return [toImage(context, dx, input)];
  },
};

/** From this many places on, a plain convolution with weights turned around costs less than ConvTranspose does. */
const turning = 10 * 10;

/**
 * The gradient of the input. With strides of 1 it is a convolution of `dy` with the kernel turned around, which is
 * faster than ConvTranspose, and faster still in the runtime's blocked layout, there and back included.
 */
function inputGradient(
  context: GradientContext,
  node: Conv2dNode,
  { input, output, kernel }: Sizes,
  dy: string,
): string {
  const { onnx } = context;
  const { groups, strides, dilations, padding } = node;
  if (isPointwise(context, node)) {
    const [inputs, outputs] = [input[2]!, output[2]!];
    const weights = onnx.add('Reshape', [context.variable(node.weights), onnx.ints([outputs, inputs])]);
    const places = onnx.add('Reshape', [dy, onnx.ints([0, outputs, -1])]);
    const dx = onnx.add('MatMul', [onnx.add('Transpose', [weights], { perm: [1, 0] }), places]);
    return onnx.add('Reshape', [dx, onnx.ints([-1, inputs, input[0]!, input[1]!])]);
  }
  const reach = kernel.map((size, axis) => (size - 1) * dilations[axis]! + 1);
  const pads = padding.map((size, side) => reach[side < 2 ? 0 : 1]! - 1 - size) as [number, number, number, number];
  const whole = strides[0] === 1 && strides[1] === 1 && pads.every((size) => size >= 0);
  const blocked = blocksOf([input[2]!, output[2]!], context.blockSize) !== undefined;
  const heavy = isHeavy(context.variableShape(node.weights));
  if (whole && groups === 1 && !heavy && (blocked || output[0]! * output[1]! >= turning)) {
    const { value: weights, blocks } = context.arranged(node.weights, 'turned');
    const attributes = { kernel_shape: kernel, pads: onnxPads(pads), dilations, strides };
    if (!blocks) return onnx.add('Conv', [dy, weights], attributes);
    const image = blocks.inputs === 1 ? dy : onnx.blocked('ReorderInput', [dy]);
    const dx = onnx.blocked('Conv', [image, weights], attributes);
    return onnx.blocked('ReorderOutput', [dx], { channels: input[2]! });
  }
  const weights = context.variable(node.weights);
  if (heavy && groups === 1) return fromWindows(context, node, { input, output, kernel }, dy);
  // What strides leave over at the bottom and the right was read by no window: its gradient is zero.
  const rest = [0, 1].map(
    (axis) =>
      input[axis]! + padding[2 * axis]! + padding[2 * axis + 1]! - (output[axis]! - 1) * strides[axis]! - reach[axis]!,
  );
  return onnx.add('ConvTranspose', [dy, weights], {
    kernel_shape: kernel,
    pads: onnxPads(padding),
    group: groups,
    strides,
    dilations,
    output_padding: rest,
  });
}

/** That as a product of all places with the weights, which ConvTranspose reads again for each example, and a sum of windows. */
function fromWindows(context: GradientContext, node: Conv2dNode, { input, output, kernel }: Sizes, dy: string): string {
  const { onnx } = context;
  const window = input[2]! * elementCount(kernel);
  const rows = onnx.add('Reshape', [onnx.add('Transpose', [dy], { perm: [0, 2, 3, 1] }), onnx.ints([-1, output[2]!])]);
  const weights = onnx.add('Reshape', [context.variable(node.weights), onnx.ints([output[2]!, window])]);
  const products = onnx.add('Reshape', [
    onnx.add('Gemm', [rows, weights]),
    onnx.ints([-1, elementCount(output.slice(0, 2)), window]),
  ]);
  const windows = onnx.add('Transpose', [products], { perm: [0, 2, 1] });
  const { strides, dilations, padding } = node;
  const attributes = { strides, dilations, pads: onnxPads(padding) };
  return onnx.add('Col2Im', [windows, onnx.ints(input.slice(0, 2)), onnx.ints(kernel)], attributes);
}

/** Up to so many channels, or elements of a kernel's window, the products of single places are too thin to be fast. */
const thin = { channels: 4, window: 128 };

/** From this many places of an image on, copying it for each place of the kernel costs more than the products gain. */
const large = 96 * 96;

/** Products of matrices `[m, k]` and `[n, k]`, over their long axis; with groups, of as many `[groups, m, k]` and `[groups, n, k]`. */
const product = ({ onnx }: GradientContext, a: string, b: string, groups = 1) =>
  onnx.add('MatMul', [a, onnx.add('Transpose', [b], { perm: groups === 1 ? [1, 0] : [0, 2, 1] })]);

/**
 * The gradient of the weights, OIHW: for each place of the kernel, the product of `dy` `[out, N * h * w]` with the input
 * shifted to that place `[in, N * h * w]`, each group with its own. Batch and place are one long axis, so that nothing is left
 * to be summed.
 */
function addWeightsGradient(context: GradientContext, node: Conv2dNode, at: Sizes, dy: string): void {
  const { groups, strides, dilations } = node;
  const { input, output, kernel } = at;
  const inputs = input[2]! / groups;
  const heavy = isHeavy(context.variableShape(node.weights));
  const columns = heavy || inputs <= thin.channels || inputs * elementCount(kernel) <= thin.window;
  const plain = [groups, ...strides, ...dilations].every((size) => size === 1);
  if (!columns && elementCount(output.slice(0, 2)) >= large && plain)
    context.addGradient(node.weights, fromRowsAndColumns(context, node, at, dy));
  else addFromPlaces(context, node, at, dy, columns);
}

/** @param joined whether all places make one product, which adds to the sum so far by itself where there are no groups */
function addFromPlaces(
  context: GradientContext,
  node: Conv2dNode,
  { input, output, kernel }: Sizes,
  dy: string,
  joined: boolean,
): void {
  const { onnx } = context;
  const [height, width, channels] = [output[0]!, output[1]!, input[2]!];
  const { groups, strides, dilations, padding } = node;
  const [top, bottom, left, right] = padding;
  const x = context.value(node.inputs[0]!);
  const padded = padding.some((size) => size > 0)
    ? onnx.add('Pad', [x, onnx.ints([0, 0, top, left, 0, 0, bottom, right])])
    : x;
  const image = channelsFirst(context, padded, channels);
  /** Rows of all places, those of a group together. */
  const matrix = (value: string, rows: number) => {
    const dims = groups === 1 ? [rows, -1] : [groups, rows / groups, -1];
    return onnx.add('Reshape', [value, onnx.ints(dims)]);
  };
  const gradient = matrix(channelsFirst(context, dy, output[2]!), output[2]!);

  const shift = (row: number, column: number) => {
    const start = [row * dilations[0], column * dilations[1]];
    const end = [start[0]! + (height - 1) * strides[0] + 1, start[1]! + (width - 1) * strides[1] + 1];
    return onnx.add('Slice', [image, onnx.ints(start), onnx.ints(end), onnx.ints([2, 3]), onnx.ints(strides)]);
  };
  const shifted = isPointwise(context, node)
    ? [image]
    : Array.from({ length: elementCount(kernel) }, (_, place) =>
        shift(Math.floor(place / kernel[1]), place % kernel[1]),
      );
  const inputs = channels / groups;
  const shape = onnx.ints([output[2]!, inputs, ...kernel]);
  if (joined) {
    const rows = shifted.map((value) => onnx.add('Reshape', [value, onnx.ints([channels, 1, -1])]));
    const columns = rows.length === 1 ? rows[0]! : onnx.add('Concat', rows, { axis: 1 });
    const all = matrix(columns, channels * elementCount(kernel));
    if (groups === 1) {
      const sum = onnx.add('Gemm', [gradient, all, context.gradientSoFar(node.weights)], { transB: 1 });
      context.setGradient(node.weights, sum);
    } else {
      context.addGradient(node.weights, onnx.add('Reshape', [product(context, gradient, all, groups), shape]));
    }
    return;
  }
  const places = shifted.map((value) => {
    const one = product(context, gradient, matrix(value, channels), groups);
    return onnx.add('Reshape', [one, onnx.ints([output[2]!, inputs, 1])]);
  });
  const whole = places.length === 1 ? places[0]! : onnx.add('Concat', places, { axis: 2 });
  context.addGradient(node.weights, onnx.add('Reshape', [whole, shape]));
}

/**
 * The same where strides and dilations are 1, with fewer copies: the input is shifted to the kernel's columns alone, and `dy`,
 * against it, to its rows.
 */
function fromRowsAndColumns(
  context: GradientContext,
  node: Conv2dNode,
  { input, output, kernel }: Sizes,
  dy: string,
): string {
  const { onnx } = context;
  const [outputs, channels, width] = [output[2]!, input[2]!, output[1]!];
  const [top, bottom, left, right] = node.padding;
  const [rows, columns] = kernel;
  const examples = onnx.add('Shape', [dy], { start: 0, end: 1 });
  const zeros = (height: number) => {
    const shape = onnx.add('Concat', [onnx.ints([outputs]), examples, onnx.ints([height, width])], { axis: 0 });
    return onnx.add('Expand', [onnx.floats([0], []), shape]);
  };
  const image = channelsFirst(context, dy, outputs);
  const shifts: string[] = [];
  for (let row = 0; row < rows; row++) {
    if (row > 0) shifts.push(zeros(row));
    shifts.push(image);
    if (row < rows - 1) shifts.push(zeros(rows - 1 - row));
  }
  // [out, N, rows * (h + rows - 1), w], a row of the kernel after the other, as [out * rows, N * (h + rows - 1) * w].
  const stacked = rows === 1 ? image : onnx.add('Concat', shifts, { axis: 2 });
  const perRow = onnx.add('Reshape', [stacked, onnx.ints([outputs, -1, rows, (output[0]! + rows - 1) * width])]);
  const byRow = context.single ? perRow : onnx.add('Transpose', [perRow], { perm: [0, 2, 1, 3] });
  const gradients = onnx.add('Reshape', [byRow, onnx.ints([outputs * rows, -1])]);
  const x = context.value(node.inputs[0]!);
  const products: string[] = [];
  for (let column = 0; column < columns; column++) {
    const pads = [0, 0, top, left - column, 0, 0, bottom, right - (columns - 1 - column)];
    const shifted = channelsFirst(context, onnx.add('Pad', [x, onnx.ints(pads)]), channels);
    const one = product(context, gradients, onnx.add('Reshape', [shifted, onnx.ints([channels, -1])]));
    products.push(onnx.add('Reshape', [one, onnx.ints([outputs, rows, channels, 1])]));
  }
  const all = columns === 1 ? products[0]! : onnx.add('Concat', products, { axis: 3 });
  return onnx.add('Transpose', [all], { perm: [0, 2, 1, 3] });
}

const general: Lowering<Conv2dNode> = {
  forward(context, node) {
    const { onnx } = context;
    const { groups } = node;
    const [height, width, inputs, outputs] = context.variableShape(node.weights);
    const attributes = {
      kernel_shape: [height!, width!],
      group: groups,
      pads: onnxPads(node.padding),
      strides: node.strides,
      dilations: node.dilations,
    };
    const biases = context.takeBiases(node);
    const batchNorm = biases || groups > 1 ? undefined : context.takeBatchNorm(node);
    const added = biases ? [context.variable(biases)] : batchNorm ? [shiftOf(context, batchNorm)] : [];
    const x = node.inputs[0]!;
    const heavy = isHeavy(context.variableShape(node.weights));
    const fits = groups === 1 && !heavy && blocksOf([outputs!, inputs!], context.blockSize);
    // Where nothing joins it, a product of matrices is as fast, and what reads it has it in the plain layout at once.
    if (!fits || (isPointwise(context, node) && added.length === 0)) {
      const weights = batchNorm
        ? context.arranged(node.weights, 'blocked', batchNorm).value
        : context.variable(node.weights);
      return onnx.add('Conv', [context.value(x), weights, ...added], attributes);
    }
    const { value: weights, blocks } = context.arranged(node.weights, 'blocked', batchNorm);
    const image = blocks!.inputs === 1 ? context.value(x) : context.blockedValue(x);
    const activation = context.takeRelu(node) ? { activation: 'Relu' } : {};
    return { blocked: onnx.blocked('Conv', [image, weights, ...added], { ...attributes, ...activation }) };
  },
  backward(context, node, dy) {
    const at = sizes(context, node);
    if (context.trains(node.weights)) addWeightsGradient(context, node, at, dy);
    return [context.wantsInput ? inputGradient(context, node, at, dy) : undefined];
  },
};

function lowering(context: LoweringContext, node: Conv2dNode): Lowering<Conv2dNode> {
  return isDense(node, context.shape(node.inputs[0]!), context.variableShape(node.weights)) ? dense : general;
}

export const lowerConvolution: Lowering<Conv2dNode> = {
  forward: (context, node) => lowering(context, node).forward(context, node),
  backward: (context, node, dy) => lowering(context, node).backward(context, node, dy),
};
