import { type Conv2dNode, elementCount, type Shape } from '@graftjs/core';
import { type GradientContext, type Lowering, type LoweringContext, onnxPads } from './lowering.js';

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
  return weights[0] === input[0] && weights[1] === input[1] && node.padding.every((size) => size === 0);
}

/** `[N, c, h, w]` as rows `[N, h * w * c]`, in the order of HWIO. */
function toRows(context: LoweringContext, x: string, [height, width, channels]: Shape): string {
  const { onnx } = context;
  const nhwc = height === 1 && width === 1 ? x : onnx.add('Transpose', [x], { perm: [0, 2, 3, 1] });
  return onnx.add('Reshape', [nhwc, onnx.ints([-1, height! * width! * channels!])]);
}

function toPicture(context: LoweringContext, rows: string, [height, width, channels]: Shape): string {
  const { onnx } = context;
  if (height === 1 && width === 1) return onnx.add('Reshape', [rows, onnx.ints([-1, channels!, 1, 1])]);
  const nhwc = onnx.add('Reshape', [rows, onnx.ints([-1, height!, width!, channels!])]);
  return onnx.add('Transpose', [nhwc], { perm: [0, 3, 1, 2] });
}

const dense: Lowering<Conv2dNode> = {
  forward(context, node) {
    const x = toRows(context, context.value(node.inputs[0]!), context.shape(node.inputs[0]!));
    const biases = context.fusedBiases(node);
    const inputs = [x, context.variable(node.weights), ...(biases ? [context.variable(biases)] : [])];
    return toPicture(context, context.onnx.add('Gemm', inputs), node.shape);
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
    return [toPicture(context, dx, input)];
  },
};

/**
 * The gradient of the input. With strides of 1 it is a convolution of `dy` with the kernel turned around, which is
 * faster than ConvTranspose unless pictures are so small that turning the kernel around costs more.
 */
function inputGradient(
  context: GradientContext,
  node: Conv2dNode,
  { input, output, kernel }: Sizes,
  dy: string,
): string {
  const { onnx } = context;
  const weights = context.variable(node.weights);
  const { strides, dilations, padding } = node;
  const reach = kernel.map((size, axis) => (size - 1) * dilations[axis]! + 1);
  if (strides[0] === 1 && strides[1] === 1 && output[0]! * output[1]! >= 28 * 28) {
    const swapped = onnx.add('Transpose', [weights], { perm: [1, 0, 2, 3] });
    const whole = -(2 ** 31);
    const turned = onnx.add('Slice', [
      swapped,
      onnx.ints([-1, -1]),
      onnx.ints([whole, whole]),
      onnx.ints([2, 3]),
      onnx.ints([-1, -1]),
    ]);
    const [top, bottom, left, right] = [
      reach[0]! - 1 - padding[0],
      reach[0]! - 1 - padding[1],
      reach[1]! - 1 - padding[2],
      reach[1]! - 1 - padding[3],
    ];
    if (Math.min(top, bottom, left, right) >= 0) {
      const pads = onnxPads([top, bottom, left, right]);
      return onnx.add('Conv', [dy, turned], { kernel_shape: kernel, pads, dilations });
    }
  }
  // What strides leave over at the bottom and the right was read by no window: its gradient is zero.
  const rest = [0, 1].map(
    (axis) =>
      input[axis]! + padding[2 * axis]! + padding[2 * axis + 1]! - (output[axis]! - 1) * strides[axis]! - reach[axis]!,
  );
  return onnx.add('ConvTranspose', [dy, weights], {
    kernel_shape: kernel,
    pads: onnxPads(padding),
    strides,
    dilations,
    output_padding: rest,
  });
}

/** Below this many elements of a kernel's window the nine matrix products of a 3x3 kernel are too thin to be fast. */
const thin = 128;

/**
 * The gradient of the weights: for each place of the kernel, the product of `dy` `[out, N * h * w]` with the input shifted
 * to that place `[in, N * h * w]`. Batch and place are one long axis, so that nothing is left to be summed.
 */
function weightsGradient(
  context: GradientContext,
  node: Conv2dNode,
  { input, output, kernel }: Sizes,
  dy: string,
): string {
  const { onnx } = context;
  const [height, width, channels] = [output[0]!, output[1]!, input[2]!];
  const { strides, dilations, padding } = node;
  const [top, bottom, left, right] = padding;
  const x = context.value(node.inputs[0]!);
  const padded = padding.some((size) => size > 0)
    ? onnx.add('Pad', [x, onnx.ints([0, 0, top, left, 0, 0, bottom, right])])
    : x;
  const channelsFirst = (value: string) => onnx.add('Transpose', [value], { perm: [1, 0, 2, 3] });
  const picture = channelsFirst(padded);
  const gradient = onnx.add('Reshape', [channelsFirst(dy), onnx.ints([output[2]!, -1])]);

  const shifted: string[] = [];
  for (let row = 0; row < kernel[0]; row++) {
    for (let column = 0; column < kernel[1]; column++) {
      const start = [row * dilations[0], column * dilations[1]];
      const end = [start[0]! + (height - 1) * strides[0] + 1, start[1]! + (width - 1) * strides[1] + 1];
      shifted.push(
        onnx.add('Slice', [picture, onnx.ints(start), onnx.ints(end), onnx.ints([2, 3]), onnx.ints(strides)]),
      );
    }
  }
  const product = (window: string) => onnx.add('MatMul', [gradient, onnx.add('Transpose', [window], { perm: [1, 0] })]);
  const shape = onnx.ints([output[2]!, channels, ...kernel]);
  if (channels * elementCount(kernel) <= thin) {
    const rows = shifted.map((value) => onnx.add('Reshape', [value, onnx.ints([channels, 1, -1])]));
    const columns = rows.length === 1 ? rows[0]! : onnx.add('Concat', rows, { axis: 1 });
    const all = onnx.add('Reshape', [columns, onnx.ints([channels * elementCount(kernel), -1])]);
    return onnx.add('Reshape', [product(all), shape]);
  }
  const places = shifted.map((value) => {
    const one = product(onnx.add('Reshape', [value, onnx.ints([channels, -1])]));
    return onnx.add('Reshape', [one, onnx.ints([output[2]!, channels, 1])]);
  });
  return onnx.add('Reshape', [places.length === 1 ? places[0]! : onnx.add('Concat', places, { axis: 2 }), shape]);
}

const general: Lowering<Conv2dNode> = {
  forward(context, node) {
    const biases = context.fusedBiases(node);
    const inputs = [
      context.value(node.inputs[0]!),
      context.variable(node.weights),
      ...(biases ? [context.variable(biases)] : []),
    ];
    return context.onnx.add('Conv', inputs, {
      kernel_shape: sizes(context, node).kernel,
      pads: onnxPads(node.padding),
      strides: node.strides,
      dilations: node.dilations,
    });
  },
  backward(context, node, dy) {
    const at = sizes(context, node);
    if (context.trains(node.weights)) context.setGradient(node.weights, weightsGradient(context, node, at, dy));
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
