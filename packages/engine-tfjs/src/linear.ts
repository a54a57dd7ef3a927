import type { Padding, Pair, Shape } from '@graftjs/core';
import type { Tensor, Tensor4D, Tfjs } from './tfjs.js';

/** Moves the elements of pictures `[N, height, width, channels]`. */
export interface Linear {
  forward(x: Tensor): Tensor;
  /** The adjoint, which a gradient goes through on its way back. */
  backward(dy: Tensor): Tensor;
}

/** One after the other; on the way back from the last to the first. */
export function inTurn(steps: readonly Linear[]): Linear {
  return {
    forward: (x) => steps.reduce((value, step) => step.forward(value), x),
    backward: (dy) => steps.reduceRight((value, step) => step.backward(value), dy),
  };
}

/** Rows and columns of `value` around a picture of a height and width. */
export function padding(tf: Tfjs, sizes: Padding, [height, width]: Shape, value = 0): Linear {
  const [top, bottom, left, right] = sizes;
  return {
    forward(x) {
      const around: [number, number][] = [[0, 0], [top, bottom], [left, right], [0, 0]]; // biome-ignore format: a table
      return tf.pad(x, around, value);
    },
    backward: (dy) => tf.slice(dy, [0, top, left, 0], [-1, height!, width!, -1]),
  };
}

/** Puts the places of every `blocks`-th row and column into a picture of their own, of the padded picture. */
export function toBlocks(tf: Tfjs, blocks: Pair, [top, bottom, left, right]: Padding): Linear {
  const around: [number, number][] = [[top, bottom], [left, right]]; // biome-ignore format: a table
  return {
    forward: (x) => tf.spaceToBatchND(x as Tensor4D, [...blocks], around),
    backward: (dy) => tf.batchToSpaceND(dy as Tensor4D, [...blocks], around),
  };
}

/** The other way round; `cropped` rows and columns at the end are left out. */
export function fromBlocks(tf: Tfjs, blocks: Pair, [rows, columns]: Pair): Linear {
  const { forward, backward } = toBlocks(tf, blocks, [0, rows, 0, columns]);
  return { forward: backward, backward: forward };
}

/** Along an axis, so many zeros after each element. */
function spread(tf: Tfjs, x: Tensor, axis: number, zeros: number): Tensor {
  if (zeros === 0) return x;
  const outer = x.shape.slice(0, axis + 1).reduce((product, size) => product * size, 1);
  const inner = x.shape.slice(axis + 1);
  const flat = tf.reshape(x, [outer, 1, -1]);
  const joined = tf.concat([flat, tf.zeros([outer, zeros, flat.shape[2]!])], 1);
  return tf.reshape(joined, [...x.shape.slice(0, axis), x.shape[axis]! * (zeros + 1), ...inner]);
}

/** Every so many rows and columns of a picture of a height and width. */
export function subsampling(tf: Tfjs, strides: Pair, [height, width]: Shape): Linear {
  return {
    forward: (x) => tf.stridedSlice(x, [0, 0, 0, 0], x.shape, [1, ...strides, 1]),
    backward(dy) {
      const whole = spread(tf, spread(tf, dy, 1, strides[0] - 1), 2, strides[1] - 1);
      return tf.slice(whole, [0, 0, 0, 0], [-1, height!, width!, -1]);
    },
  };
}
