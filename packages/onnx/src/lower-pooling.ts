import type { AvgPoolNode, MaxPoolNode, MeanNode } from '@graftjs/core';
import { type Lowering, type LoweringContext, onnxPads } from './lowering.js';

const attributes = ({ kernel, strides, padding }: MaxPoolNode | AvgPoolNode) => ({
  kernel_shape: kernel,
  strides,
  pads: onnxPads(padding),
});

/** True where no element is in two windows. */
export const isDisjoint = ({ kernel, strides, padding }: MaxPoolNode): boolean =>
  kernel[0] <= strides[0] && kernel[1] <= strides[1] && padding.every((size) => size === 0);

export const lowerMaxPool: Lowering<MaxPoolNode> = {
  forward({ onnx, value, blockedValue, isBlocked }, node) {
    const [x] = node.inputs as [string];
    if (!isBlocked(x)) return onnx.add('MaxPool', [value(x)], attributes(node));
    return { blocked: onnx.blocked('MaxPool', [blockedValue(x)], { ...attributes(node), dilations: [1, 1] }) };
  },
  /** The gradient goes to the largest element of its window, the first of several, as in TensorFlow. */
  backward({ onnx, value, wantsInput }, node, dy) {
    if (!wantsInput) return [undefined];
    const x = value(node.inputs[0]!);
    const [, places] = onnx.addMany('MaxPool', [x], 2, attributes(node));
    const shape = onnx.add('Shape', [x]);
    if (isDisjoint(node)) {
      const { kernel, strides } = node;
      const unpool = { kernel_shape: kernel, strides };
      return [onnx.add('MaxUnpool', [dy, places!, shape], unpool)];
    }
    const flat = (name: string) => onnx.add('Reshape', [name, onnx.ints([-1])]);
    const count = onnx.add('ReduceProd', [shape], { keepdims: 1 });
    const zeros = onnx.add('ConstantOfShape', [count]);
    const scattered = onnx.add('ScatterElements', [zeros, flat(places!), flat(dy)], { axis: 0, reduction: 'add' });
    return [onnx.add('Reshape', [scattered, shape])];
  },
};

/** How many elements of the image each window covers, along one axis. */
function covered(size: number, kernel: number, stride: number, before: number, windows: number): number[] {
  return Array.from({ length: windows }, (_, index) => {
    const start = index * stride - before;
    return Math.min(start + kernel, size) - Math.max(start, 0);
  });
}

export const lowerAvgPool: Lowering<AvgPoolNode> = {
  forward({ onnx, value, blockedValue, isBlocked }, node) {
    const [x] = node.inputs as [string];
    const options = { ...attributes(node), count_include_pad: 0 };
    if (!isBlocked(x)) return onnx.add('AveragePool', [value(x)], options);
    return { blocked: onnx.blocked('AveragePool', [blockedValue(x)], { ...options, dilations: [1, 1] }) };
  },
  /** Each element gets its windows' gradients, each divided by the elements that the window covers. */
  backward({ onnx, shape, wantsInput }, node, dy) {
    if (!wantsInput) return [undefined];
    const [height, width, channels] = shape(node.inputs[0]!);
    const { kernel, strides, padding } = node;
    const rows = covered(height!, kernel[0], strides[0], padding[0], node.shape[0]!);
    const columns = covered(width!, kernel[1], strides[1], padding[2], node.shape[1]!);
    const shares = rows.flatMap((row) => columns.map((column) => 1 / (row * column)));
    const shared = onnx.add('Mul', [dy, onnx.floats(shares, [1, 1, rows.length, columns.length])]);
    const ones = onnx.floats(new Array(channels! * kernel[0] * kernel[1]).fill(1), [channels!, 1, ...kernel]);
    const rest = [
      height! + padding[0] + padding[1] - (rows.length - 1) * strides[0] - kernel[0],
      width! + padding[2] + padding[3] - (columns.length - 1) * strides[1] - kernel[1],
    ];
    return [onnx.add('ConvTranspose', [shared, ones], { ...attributes(node), group: channels!, output_padding: rest })];
  },
};

/** ONNX's reductions take the axes as an input. */
const spatial = ({ onnx }: LoweringContext): string => onnx.ints([2, 3]);

export const lowerMean: Lowering<MeanNode> = {
  forward(context, node) {
    const [x] = node.inputs as [string];
    if (context.isBlocked(x)) return { blocked: context.onnx.blocked('GlobalAveragePool', [context.blockedValue(x)]) };
    return context.onnx.add('ReduceMean', [context.value(x), spatial(context)], { keepdims: 1 });
  },
  backward(context, node, dy) {
    if (!context.wantsInput) return [undefined];
    const { onnx } = context;
    const [height, width] = context.shape(node.inputs[0]!);
    const shape = onnx.add('Shape', [context.value(node.inputs[0]!)]);
    return [onnx.add('Expand', [onnx.add('Mul', [dy, onnx.floats([1 / (height! * width!)], [])]), shape])];
  },
};
