import {
  type Conv2dNode,
  type Conv2dTransposeNode,
  kernelShape,
  type Pair,
  resolvePadding,
  type Shape,
} from '@graftjs/core';
import { fromBlocks, inTurn, type Linear, padding, placesOf, sampling, toBlocks } from './linear.js';
import type { Lowering } from './lowering.js';
import type { Tensor, Tensor4D, Tfjs } from './tfjs.js';

/** A convolution and its two gradients. */
interface Convolution {
  forward(x: Tensor, weights: Tensor): Tensor;
  byInput(dy: Tensor, weights: Tensor): Tensor;
  byWeights(x: Tensor, dy: Tensor): Tensor;
}

/** Without dilation. `shape` is that of an image, `kernel` that of the weights. */
interface Geometry {
  readonly shape: Shape;
  readonly kernel: Shape;
  readonly strides: Pair;
  readonly pad: 'same' | 'valid';
}

/** Backends whose own gradients by the weights are there, and faster than sums and products of matrices. */
const withFilterGradient: ReadonlySet<string> = new Set(['tensorflow', 'webgl']);

const isUnpadded = ({ padding }: Conv2dNode): boolean => padding.every((size) => size === 0);

/** One product of matrices: of each place by itself, or of all places of an image. */
function matrixProduct(tf: Tfjs, { kernel, shape }: Geometry, output: Shape): Convolution {
  const rows = kernel[0]! * kernel[1]! * kernel[2]!;
  const matrix = (values: Tensor, columns: number) => tf.reshape(values, [-1, columns]);
  return {
    forward: (x, weights) =>
      tf.reshape(tf.matMul(matrix(x, rows), matrix(weights, kernel[3]!)), [x.shape[0]!, ...output]),
    byInput: (dy, weights) =>
      tf.reshape(tf.matMul(matrix(dy, kernel[3]!), matrix(weights, kernel[3]!), false, true), [-1, ...shape]),
    byWeights: (x, dy) => tf.reshape(tf.matMul(matrix(x, rows), matrix(dy, kernel[3]!), true), [...kernel]),
  };
}

/** The images below each place of the kernel, and where the gradient of each belongs. */
function below(tf: Tfjs, { kernel, strides, shape }: Geometry, dy: Tensor): Linear[] {
  const size = [dy.shape[1]!, dy.shape[2]!] as const;
  return [...placesOf([kernel[0]!, kernel[1]!])].map((place) => sampling(tf, place, strides, size, shape));
}

/** For each place of the kernel, the product of what lies below it with the gradient. */
function byWeightsInProducts(tf: Tfjs, geometry: Geometry, x: Tensor, dy: Tensor): Tensor {
  const [, , inputs, outputs] = geometry.kernel as readonly [number, number, number, number];
  const gradient = tf.reshape(dy, [-1, outputs]);
  const products = below(tf, geometry, dy).map((part) =>
    tf.tidy(() => tf.matMul(tf.reshape(part.forward(x), [-1, inputs]), gradient as Tensor, true)),
  );
  return tf.reshape(tf.stack(products), [...geometry.kernel]);
}

function plain(tf: Tfjs, geometry: Geometry): Convolution {
  const { shape, kernel, strides, pad } = geometry;
  const attributes = { strides: [...strides], pad, dataFormat: 'NHWC' };
  const run = (name: string, inputs: Record<string, Tensor>, more: object): Tensor =>
    tf.engine().runKernel(name, inputs, { ...attributes, ...more });
  return {
    forward: (x, weights) => tf.conv2d(x as Tensor4D, weights as Tensor4D, [...strides], pad),
    byInput: (dy, filter) => run('Conv2DBackpropInput', { dy, filter }, { inputShape: [dy.shape[0], ...shape] }),
    byWeights: (x, dy) =>
      withFilterGradient.has(tf.getBackend())
        ? run('Conv2DBackpropFilter', { x, dy }, { filterShape: [...kernel] })
        : byWeightsInProducts(tf, geometry, x, dy),
  };
}

/** @param geometry its kernel is `[kh, kw, in, out / in]` */
function depthwise(tf: Tfjs, geometry: Geometry): Convolution {
  const { shape, kernel, strides, pad } = geometry;
  const forward = (x: Tensor, weights: Tensor) =>
    tf.depthwiseConv2d(x as Tensor4D, weights as Tensor4D, [...strides], pad);
  if (!withFilterGradient.has(tf.getBackend())) return { forward, ...depthwiseInSums(tf, geometry) };
  const attributes = { strides: [...strides], pad, dilations: [1, 1] };
  const run = (name: string, inputs: Record<string, Tensor>, more: object): Tensor =>
    tf.engine().runKernel(`DepthwiseConv2dNativeBackprop${name}`, inputs, { ...attributes, ...more });
  return {
    forward,
    byInput: (dy, filter) => run('Input', { dy, filter }, { inputShape: [dy.shape[0], ...shape] }),
    byWeights: (x, dy) => run('Filter', { x, dy }, { filterShape: [...kernel] }),
  };
}

/** The gradients of a depthwise convolution, place by place of its kernel. */
function depthwiseInSums(tf: Tfjs, geometry: Geometry): Pick<Convolution, 'byInput' | 'byWeights'> {
  const [, , channels, outputs] = geometry.kernel as readonly [number, number, number, number];
  const perChannel = (dy: Tensor) => tf.reshape(dy, [-1, channels, outputs]);
  return {
    byInput(dy, weights) {
      const ofPlaces = tf.unstack(tf.reshape(weights, [-1, channels, outputs]));
      const parts = below(tf, geometry, dy).map((part, place) =>
        tf.tidy(() => {
          const sums = tf.sum(tf.mul(perChannel(dy), ofPlaces[place]!), 2);
          return part.backward(tf.reshape(sums, [...dy.shape.slice(0, 3), channels]));
        }),
      );
      return tf.addN(parts);
    },
    byWeights(x, dy) {
      const parts = below(tf, geometry, dy).map((part) =>
        tf.tidy(() => tf.sum(tf.mul(tf.reshape(part.forward(x), [-1, channels, 1]), perChannel(dy)), 0)),
      );
      return tf.reshape(tf.stack(parts), [...geometry.kernel]);
    },
  };
}

/** Each group of outputs by itself. */
function grouped(tf: Tfjs, groups: number, one: Convolution): Convolution {
  const split = (values: Tensor) => tf.split(values, groups, 3);
  const join = (a: Tensor, b: Tensor, groupWise: (a: Tensor, b: Tensor) => Tensor) => {
    const others = split(b);
    return tf.concat(
      split(a).map((part, index) => groupWise(part, others[index]!)),
      3,
    );
  };
  return {
    forward: (x, weights) => join(x, weights, one.forward),
    byInput: (dy, weights) => join(dy, weights, one.byInput),
    byWeights: (x, dy) => join(x, dy, one.byWeights),
  };
}

/** A convolution between what is done to the images before and after. */
function between(before: readonly Linear[], convolution: Convolution, after: readonly Linear[]): Convolution {
  const [first, last] = [inTurn(before), inTurn(after)];
  return {
    forward: (x, weights) => last.forward(convolution.forward(first.forward(x), weights)),
    byInput: (dy, weights) => first.backward(convolution.byInput(last.backward(dy), weights)),
    byWeights: (x, dy) => convolution.byWeights(first.forward(x), last.backward(dy)),
  };
}

/** The weights as the convolution takes them, and back; a view that costs nothing. */
function withWeights(tf: Tfjs, convolution: Convolution, kernel: Shape, declared: Shape): Convolution {
  const given = (weights: Tensor) => tf.reshape(weights, [...kernel]);
  return {
    forward: (x, weights) => convolution.forward(x, given(weights)),
    byInput: (dy, weights) => convolution.byInput(dy, given(weights)),
    byWeights: (x, dy) => tf.reshape(convolution.byWeights(x, dy), [...declared]),
  };
}

/** How a node's convolution is done; `shape` is that of its input, `declared` that of its weights. */
function convolutionOf(tf: Tfjs, node: Conv2dNode, shape: Shape, declared: Shape): Convolution {
  const { groups, strides, dilations } = node;
  const [height, width, channels] = shape as readonly [number, number, number];
  const [kh, kw, inputs, outputs] = kernelShape(declared, channels, groups) as readonly [
    number,
    number,
    number,
    number,
  ];
  const isDepthwise = groups === channels && groups > 1;
  const kernel = isDepthwise ? [kh, kw, channels, outputs / channels] : [kh, kw, inputs, outputs / groups];

  const make = (geometry: Omit<Geometry, 'kernel'>): Convolution => {
    if (isDepthwise) return depthwise(tf, { ...geometry, kernel });
    const one = plain(tf, { ...geometry, shape: [...geometry.shape.slice(0, 2), inputs], kernel });
    return groups === 1 ? one : grouped(tf, groups, one);
  };
  const whole = (convolution: Convolution) =>
    withWeights(tf, convolution, isDepthwise ? kernel : [kh, kw, inputs, outputs], declared);

  const isOnePlace = kh === 1 && kw === 1 && strides[0] === 1 && strides[1] === 1;
  const coversAll = kh === height && kw === width;
  if (groups === 1 && isUnpadded(node) && (isOnePlace || coversAll))
    return matrixProduct(tf, { shape, kernel, strides, pad: 'valid' }, node.shape);

  const [top, bottom, left, right] = node.padding;
  const padded: Pair = [height + top + bottom, width + left + right];
  const isDilated = dilations[0] > 1 || dilations[1] > 1;
  // TensorFlow has depthwise convolutions of equal strides alone.
  const samples = strides[0] * strides[1] > 1 && (isDilated || (isDepthwise && strides[0] !== strides[1]));
  const full: Pair = [padded[0] - (kh - 1) * dilations[0], padded[1] - (kw - 1) * dilations[1]];
  const after = samples ? [sampling(tf, [0, 0], strides, [node.shape[0]!, node.shape[1]!], full)] : [];
  const ownStrides: Pair = samples ? [1, 1] : strides;

  if (isDilated) {
    const rest = padded.map((size, axis) => (dilations[axis]! - (size % dilations[axis]!)) % dilations[axis]!);
    const [rows, columns] = rest as unknown as Pair;
    const blocks = padded.map((size, axis) => (size + rest[axis]!) / dilations[axis]!);
    const inner = make({ shape: [...blocks, channels], strides: ownStrides, pad: 'valid' });
    const before = [toBlocks(tf, dilations, [top, bottom + rows, left, right + columns])];
    return whole(between(before, inner, [fromBlocks(tf, dilations, [rows, columns]), ...after]));
  }
  const same = resolvePadding('SAME', shape, [kh, kw], ownStrides, [1, 1]);
  if (withFilterGradient.has(tf.getBackend()) && same.every((size, side) => size === node.padding[side]))
    return whole(between([], make({ shape, strides: ownStrides, pad: 'same' }), after));
  const before = isUnpadded(node) ? [] : [padding(tf, node.padding, shape)];
  return whole(between(before, make({ shape: [...padded, channels], strides: ownStrides, pad: 'valid' }), after));
}

export const conv2d: Lowering<Conv2dNode> = {
  forward({ tf, shape, variable }, node, [x]) {
    const weights = variable(node.weights);
    return convolutionOf(tf, node, shape(node.inputs[0]!), weights.shape).forward(x!, weights);
  },
  keeps: ({ weights }, trains) => ({ inputs: trains(weights) }),
  backward({ tf, shape, variable, input, trains, wantsInput, setGradient }, node, dy) {
    const weights = variable(node.weights);
    const convolution = convolutionOf(tf, node, shape(node.inputs[0]!), weights.shape);
    if (trains(node.weights)) setGradient(node.weights, convolution.byWeights(input(0), dy));
    return wantsInput ? [convolution.byInput(dy, weights)] : [];
  },
};

/** The convolution whose gradient by its input a transposed one is, of images as large as those that the latter gives. */
function transposedOf(tf: Tfjs, node: Conv2dTransposeNode, shape: Shape, weights: Shape): Convolution {
  const { name, strides, padding: sizes } = node;
  const others = { inputs: [], weights: node.weights, groups: 1, dilations: [1, 1] } as const;
  return convolutionOf(tf, { op: 'conv2d', name, shape, strides, padding: sizes, ...others }, node.shape, weights);
}

export const conv2dTranspose: Lowering<Conv2dTransposeNode> = {
  forward({ tf, shape, variable }, node, [x]) {
    const weights = variable(node.weights);
    return transposedOf(tf, node, shape(node.inputs[0]!), weights.shape).byInput(x!, weights);
  },
  keeps: ({ weights }, trains) => ({ inputs: trains(weights) }),
  backward({ tf, shape, variable, input, trains, wantsInput, setGradient }, node, dy) {
    const weights = variable(node.weights);
    const convolution = transposedOf(tf, node, shape(node.inputs[0]!), weights.shape);
    if (trains(node.weights)) setGradient(node.weights, convolution.byWeights(dy, input(0)));
    return wantsInput ? [convolution.forward(dy, weights)] : [];
  },
};
