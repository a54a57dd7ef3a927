import type { Node, NodeOf, OpName } from '@graftjs/core';
import { cropping, padding } from './linear.js';
import { batchNorm } from './lower-batch-norm.js';
import { conv2d, conv2dTranspose } from './lower-convolution.js';
import { avgPool, maxPool } from './lower-pooling.js';
import type { Lowering } from './lowering.js';
import type { Tensor, Tensor4D, Tfjs } from './tfjs.js';

/** Sums over all axes but the last. */
const sumOfPlaces = (tf: Tfjs, dy: Tensor): Tensor =>
  tf.sum(
    dy,
    dy.shape.slice(0, -1).map((_, axis) => axis),
  );

/** Sizes and places along the last axis of a value of some rank. */
const along = (rank: number, others: number, last: number): number[] => [
  ...new Array<number>(rank - 1).fill(others),
  last,
];

/** Every operation on TensorFlow.js, forward and back. */
export const lowerings: { readonly [K in OpName]: Lowering<NodeOf<K>> } = {
  normalize: {
    forward: ({ tf }, { mean, scale }, [x]) => tf.mul(tf.sub(x!, tf.tensor1d([...mean])), tf.tensor1d([...scale])),
    backward: ({ tf, wantsInput }, { scale }, dy) => (wantsInput ? [tf.mul(dy, tf.tensor1d([...scale]))] : []),
  },
  conv2d,
  conv2dTranspose,
  bias: {
    forward: ({ tf, variable }, { biases }, [x]) => tf.add(x!, variable(biases)),
    backward({ tf, trains, setGradient, wantsInput }, { biases }, dy) {
      if (trains(biases)) setGradient(biases, sumOfPlaces(tf, dy));
      return wantsInput ? [tf.clone(dy)] : [];
    },
  },
  batchNorm,
  add: {
    forward: ({ tf }, _, inputs) => tf.addN([...inputs]),
    backward: ({ tf }, { inputs }, dy) => inputs.map(() => tf.clone(dy)),
  },
  concat: {
    forward: ({ tf }, _, inputs) => tf.concat([...inputs], -1),
    backward: ({ tf, shape }, { inputs }, dy) =>
      tf.split(
        dy,
        inputs.map((name) => shape(name).at(-1)!),
        -1,
      ),
  },
  slice: {
    forward: ({ tf }, { start, size }, [x]) => tf.slice(x!, along(x!.rank, 0, start), along(x!.rank, -1, size)),
    backward({ tf, shape, wantsInput }, { inputs, start, size }, dy) {
      if (!wantsInput) return [];
      const after = shape(inputs[0]!).at(-1)! - start - size;
      const around = dy.shape.map((_, axis): [number, number] => (axis === dy.rank - 1 ? [start, after] : [0, 0]));
      return [tf.pad(dy, around)];
    },
  },
  pad: {
    forward: ({ tf, shape }, { padding: sizes, inputs }, [x]) => padding(tf, sizes, shape(inputs[0]!)).forward(x!),
    backward: ({ tf, shape, wantsInput }, { padding: sizes, inputs }, dy) =>
      wantsInput ? [padding(tf, sizes, shape(inputs[0]!)).backward(dy)] : [],
  },
  crop: {
    forward: ({ tf, shape }, { margins, inputs }, [x]) => cropping(tf, margins, shape(inputs[0]!)).forward(x!),
    backward: ({ tf, shape, wantsInput }, { margins, inputs }, dy) =>
      wantsInput ? [cropping(tf, margins, shape(inputs[0]!)).backward(dy)] : [],
  },
  relu: {
    forward: ({ tf }, _, [x]) => tf.relu(x!),
    keeps: () => ({ output: true }),
    backward: ({ tf, output, wantsInput }, _, dy) => (wantsInput ? [tf.mul(dy, tf.step(output()))] : []),
  },
  maxPool,
  avgPool,
  lrn: {
    forward: ({ tf }, { depthRadius, bias, alpha, beta }, [x]) =>
      tf.localResponseNormalization(x as Tensor4D, depthRadius, bias, alpha, beta),
    keeps: () => ({ inputs: true, output: true }),
    backward({ tf, input, output, wantsInput }, { depthRadius, bias, alpha, beta }, dy) {
      if (!wantsInput) return [];
      const attributes = { depthRadius, bias, alpha, beta };
      return [tf.engine().runKernel('LRNGrad', { x: input(0), y: output(), dy }, attributes) as Tensor];
    },
  },
  dropout: {
    forward({ tf, mask }, node, [x]) {
      const factors = mask(node);
      return factors ? tf.mul(x!, factors) : tf.clone(x!);
    },
    backward({ tf, mask, wantsInput }, node, dy) {
      if (!wantsInput) return [];
      const factors = mask(node);
      return [factors ? tf.mul(dy, factors) : tf.clone(dy)];
    },
  },
  mean: {
    forward: ({ tf }, _, [x]) => tf.mean(x!, [1, 2], true),
    backward({ tf, shape, wantsInput }, { inputs }, dy) {
      if (!wantsInput) return [];
      const [height, width] = shape(inputs[0]!) as readonly [number, number];
      return [tf.mul(dy, tf.fill([1, height, width, 1], 1 / (height * width)))];
    },
  },
  reshape: {
    forward: ({ tf }, { shape }, [x]) => tf.reshape(x!, [x!.shape[0]!, ...shape]),
    backward: ({ tf, shape, wantsInput }, { inputs }, dy) =>
      wantsInput ? [tf.reshape(dy, [dy.shape[0]!, ...shape(inputs[0]!)])] : [],
  },
  softmax: {
    forward: ({ tf }, _, [x]) => tf.softmax(x!),
    keeps: () => ({ output: true }),
    backward({ tf, output, wantsInput }, _, dy) {
      if (!wantsInput) return [];
      const y = output();
      return [tf.mul(y, tf.sub(dy, tf.sum(tf.mul(dy, y), -1, true)))];
    },
  },
};

export const loweringOf = (node: Node): Lowering<Node> => lowerings[node.op] as Lowering<Node>;
