import type { Padding, Pair, Shape } from '@graftjs/core';
import type { Tensor, Tensor4D, Tfjs } from './tfjs.js';

/** Moves the elements of images `[N, height, width, channels]`. */
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

/** Rows and columns of `value` around an image of a height and width. */
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

/** An image of a height and width without its outer rows and columns. */
export function cropping(tf: Tfjs, margins: Padding, [height, width]: Shape): Linear {
  const [top, bottom, left, right] = margins;
  const { forward, backward } = padding(tf, margins, [height! - top - bottom, width! - left - right]);
  return { forward: backward, backward: forward };
}

/** Puts the places of every `blocks`-th row and column into an image of their own, of the padded image. */
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

/**
 * From the place `first` on every so many rows and columns, as many as `size` says, of an image of a height and width: what lies
 * below one place of all windows.
 */
export function sampling(tf: Tfjs, first: Pair, strides: Pair, size: Pair, [height, width]: Shape): Linear {
  const reach = size.map((count, axis) => (count - 1) * strides[axis]! + 1) as unknown as Pair;
  return {
    forward(x) {
      const end = [x.shape[0]!, first[0] + reach[0], first[1] + reach[1], x.shape[3]!];
      return tf.stridedSlice(x, [0, ...first, 0], end, [1, ...strides, 1]);
    },
    backward(dy) {
      const whole = spread(tf, spread(tf, dy, 1, strides[0] - 1), 2, strides[1] - 1);
      const reached = tf.slice(whole, [0, 0, 0, 0], [-1, ...reach, -1]);
      const [below, right] = [height! - first[0] - reach[0], width! - first[1] - reach[1]];
      return tf.pad(reached, [
        [0, 0],
        [first[0], below],
        [first[1], right],
        [0, 0],
      ]);
    },
  };
}

/** All places of windows, row by row. */
export function* placesOf([height, width]: Pair): Generator<Pair> {
  for (let row = 0; row < height; row++) for (let column = 0; column < width; column++) yield [row, column];
}
