import { type AvgPoolNode, type MaxPoolNode, type Pair, resolvePadding, type Shape } from '@graftjs/core';
import { type Linear, padding, placesOf, sampling } from './linear.js';
import type { Lowering } from './lowering.js';
import type { Tensor, Tensor4D, Tfjs } from './tfjs.js';

/** The lowest float32, so that padding never is the largest. */
const lowest = -(2 - 2 ** -23) * 2 ** 127;

const unchanged: Linear = { forward: (x) => x, backward: (dy) => dy };

const isUnpadded = ({ padding }: MaxPoolNode | AvgPoolNode): boolean => padding.every((size) => size === 0);

/** Backends whose own gradient of max pooling goes to the first of several largest elements, as TensorFlow's does. */
const givesToFirst: ReadonlySet<string> = new Set(['cpu', 'tensorflow']);

/** How TensorFlow.js is told of a pooling's windows. */
const windowsOf = ({ kernel, strides }: MaxPoolNode | AvgPoolNode, pad: 'same' | 'valid') => ({
  filterSize: [...kernel] as [number, number],
  strides: [...strides] as [number, number],
  pad,
});

/** What is done to images before a max pooling, and its windows on them. */
function largestOf(tf: Tfjs, node: MaxPoolNode, shape: Shape) {
  const same = resolvePadding('SAME', shape, node.kernel, node.strides, [1, 1]);
  const isSame = givesToFirst.has(tf.getBackend()) && same.every((size, side) => size === node.padding[side]);
  return {
    before: isSame || isUnpadded(node) ? unchanged : padding(tf, node.padding, shape, lowest),
    windows: windowsOf(node, isSame && !isUnpadded(node) ? 'same' : 'valid'),
  };
}

/** The gradient of max pooling over padded images, place by place of the windows. */
function toFirstOfLargest(tf: Tfjs, { kernel, strides }: MaxPoolNode, x: Tensor, y: Tensor, dy: Tensor): Tensor {
  const size = [y.shape[1]!, y.shape[2]!] as const;
  let rest = dy;
  const parts = [...placesOf(kernel)].map((place) => {
    const part = sampling(tf, place, strides, size, x.shape.slice(1, 3));
    const share = tf.mul(rest, tf.cast(tf.equal(part.forward(x), y), 'float32'));
    rest = tf.sub(rest, share);
    return part.backward(share);
  });
  return tf.addN(parts);
}

/** For windows along one axis, what their mean is multiplied by so that the zeros around an image do not count. */
function sharesAlong(windows: number, size: number, kernel: number, stride: number, before: number): number[] {
  return Array.from({ length: windows }, (_, index) => {
    const from = index * stride - before;
    return kernel / (Math.min(from + kernel, size) - Math.max(from, 0));
  });
}

/**
 * What is done to images before an average pooling, and to the means. TensorFlow.js's own padding has another gradient on
 * some backends, which counts the zeros.
 */
function meansOf(tf: Tfjs, node: AvgPoolNode, shape: Shape): { before: Linear; weigh(means: Tensor): Tensor } {
  if (isUnpadded(node)) return { before: unchanged, weigh: (means) => means };
  const { kernel, strides, padding: sizes } = node;
  const [rows, columns] = node.shape as unknown as Pair;
  const down = sharesAlong(rows, shape[0]!, kernel[0], strides[0], sizes[0]);
  const across = sharesAlong(columns, shape[1]!, kernel[1], strides[1], sizes[2]);
  return {
    before: padding(tf, sizes, shape),
    weigh: (means) => tf.mul(means, tf.mul(tf.tensor(down, [rows, 1, 1]), tf.tensor(across, [columns, 1]))),
  };
}

export const maxPool: Lowering<MaxPoolNode> = {
  forward({ tf, shape }, node, [x]) {
    const { before, windows } = largestOf(tf, node, shape(node.inputs[0]!));
    return tf.maxPool(before.forward(x!) as Tensor4D, windows.filterSize, windows.strides, windows.pad);
  },
  keeps: () => ({ inputs: true, output: true }),
  backward({ tf, shape, input, output, wantsInput }, node, dy) {
    if (!wantsInput) return [];
    const { before, windows } = largestOf(tf, node, shape(node.inputs[0]!));
    const x = before.forward(input(0));
    const dx: Tensor = givesToFirst.has(tf.getBackend())
      ? tf.engine().runKernel('MaxPoolGrad', { dy, input: x, output: output() }, windows)
      : toFirstOfLargest(tf, node, x, output(), dy);
    return [before.backward(dx)];
  },
};

export const avgPool: Lowering<AvgPoolNode> = {
  forward({ tf, shape }, node, [x]) {
    const { before, weigh } = meansOf(tf, node, shape(node.inputs[0]!));
    const { filterSize, strides, pad } = windowsOf(node, 'valid');
    return weigh(tf.avgPool(before.forward(x!) as Tensor4D, filterSize, strides, pad));
  },
  keeps: () => ({ inputs: true }),
  backward({ tf, shape, input, wantsInput }, node, dy) {
    if (!wantsInput) return [];
    const { before, weigh } = meansOf(tf, node, shape(node.inputs[0]!));
    const tensors = { dy: weigh(dy), input: before.forward(input(0)) };
    return [before.backward(tf.engine().runKernel('AvgPoolGrad', tensors, windowsOf(node, 'valid')) as Tensor)];
  },
};
