import type { Shape } from './dtype.js';
import type { Padding, Pair } from './ops.js';

/** Zeros around an image: TensorFlow's two rules, or so many rows and columns. */
export type PaddingRule = 'SAME' | 'VALID' | Padding;

/** One or two sizes: `3` stands for `[3, 3]`. */
export type PairOption = number | Pair;

/** Both sizes of one or two. */
export const pair = (size: PairOption): Pair => (typeof size === 'number' ? [size, size] : size);

/** TensorFlow's SAME: as many windows as strides fit, the odd zero at the bottom and the right. */
function sameAlong(size: number, kernel: number, stride: number, dilation: number): Pair {
  const windows = Math.ceil(size / stride);
  const total = Math.max((windows - 1) * stride + (kernel - 1) * dilation + 1 - size, 0);
  return [Math.floor(total / 2), Math.ceil(total / 2)];
}

/** A rule for an image of `shape`, as rows and columns of zeros. */
export function resolvePadding(rule: PaddingRule, shape: Shape, kernel: Pair, strides: Pair, dilations: Pair): Padding {
  if (rule === 'VALID') return [0, 0, 0, 0];
  if (rule !== 'SAME') return rule;
  return [
    ...sameAlong(shape[0]!, kernel[0], strides[0], dilations[0]),
    ...sameAlong(shape[1]!, kernel[1], strides[1], dilations[1]),
  ];
}
