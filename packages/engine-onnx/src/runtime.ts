import type { InferenceSessionFactory, TensorConstructor } from 'onnxruntime-common';

/** What the engine needs of an ONNX Runtime package: `onnxruntime-node` and `onnxruntime-web` both have it. */
export interface Runtime {
  readonly InferenceSession: InferenceSessionFactory;
  readonly Tensor: TensorConstructor;
}
