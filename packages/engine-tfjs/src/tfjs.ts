import type * as tfjs from '@tensorflow/tfjs';

/** TensorFlow.js: what `@tensorflow/tfjs`, `@tensorflow/tfjs-node` and `@tensorflow/tfjs-node-gpu` all give. */
export type Tfjs = typeof tfjs;

export type Tensor = tfjs.Tensor;
export type Tensor4D = tfjs.Tensor4D;
export type Tensor1D = tfjs.Tensor1D;
