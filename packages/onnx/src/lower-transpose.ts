import type { Conv2dTransposeNode } from '@graftjs/core';
import { channelsFirst } from './channels-first.js';
import { type GradientContext, type Lowering, type LoweringContext, onnxPads } from './lowering.js';

function attributes(context: LoweringContext, { weights, strides, padding }: Conv2dTransposeNode) {
  const [height, width] = context.variableShape(weights);
  return { kernel_shape: [height!, width!], strides, pads: onnxPads(padding) };
}

/**
 * The gradient of the weights `[in, out, kh, kw]`. Places of `dy` that lie a stride apart are brought together, so that as many
 * products are needed as windows overlap, and not one for each place of the kernel.
 */
function weightsGradient(context: GradientContext, node: Conv2dTransposeNode, dy: string): string {
  const { onnx } = context;
  const { strides, padding } = node;
  const [height, width, inputs] = context.shape(node.inputs[0]!) as readonly [number, number, number];
  const [kernelHeight, kernelWidth, outputs] = context.variableShape(node.weights) as readonly [number, number, number];
  const kernel = [kernelHeight, kernelWidth];
  const [rows, columns] = kernel.map((size, axis) => Math.ceil(size / strides[axis]!)) as [number, number];
  const rest = kernel.map((size, axis) => [rows, columns][axis]! * strides[axis]! - size) as [number, number];
  const [top, bottom, left, right] = padding;
  const pads = [0, 0, top, left, 0, 0, bottom + rest[0], right + rest[1]];
  const phases = [-1, outputs, height + rows - 1, strides[0], width + columns - 1, strides[1]];
  const image = onnx.add(
    'Transpose',
    [onnx.add('Reshape', [onnx.add('Pad', [dy, onnx.ints(pads)]), onnx.ints(phases)])],
    {
      perm: [1, 3, 5, 0, 2, 4],
    },
  );
  const x = channelsFirst(context, context.value(node.inputs[0]!), inputs);
  const places = onnx.add('Reshape', [x, onnx.ints([inputs, -1])]);
  const product = (row: number, column: number) => {
    const [from, to] = [onnx.ints([row, column]), onnx.ints([row + height, column + width])];
    const shifted = onnx.add('Slice', [image, from, to, onnx.ints([4, 5])]);
    const matrix = onnx.add('Reshape', [shifted, onnx.ints([outputs * strides[0] * strides[1], -1])]);
    const one = onnx.add('MatMul', [places, onnx.add('Transpose', [matrix], { perm: [1, 0] })]);
    return onnx.add('Reshape', [one, onnx.ints([inputs, outputs, 1, strides[0], 1, strides[1]])]);
  };
  const joined = (count: number, axis: number, part: (index: number) => string) => {
    const parts = Array.from({ length: count }, (_, index) => part(index));
    return parts.length === 1 ? parts[0]! : onnx.add('Concat', parts, { axis });
  };
  const all = joined(rows, 2, (row) => joined(columns, 4, (column) => product(row, column)));
  const whole = onnx.add('Reshape', [all, onnx.ints([inputs, outputs, rows * strides[0], columns * strides[1]])]);
  if (rest[0] === 0 && rest[1] === 0) return whole;
  return onnx.add('Slice', [whole, onnx.ints([0, 0]), onnx.ints(kernel), onnx.ints([2, 3])]);
}

/** The engine keeps `[kh, kw, out, in]` as `[in, out, kh, kw]`: the order of ConvTranspose, and of the Conv whose way back it is. */
export const lowerTranspose: Lowering<Conv2dTransposeNode> = {
  forward(context, node) {
    const inputs = [context.value(node.inputs[0]!), context.variable(node.weights)];
    return context.onnx.add('ConvTranspose', inputs, attributes(context, node));
  },
  backward(context, node, dy) {
    if (context.trains(node.weights)) context.addGradient(node.weights, weightsGradient(context, node, dy));
    if (!context.wantsInput) return [undefined];
    return [context.onnx.add('Conv', [dy, context.variable(node.weights)], attributes(context, node))];
  },
};
