import { EngineError, type SessionOptions } from '@graftjs/core';
import type { InferenceSession, InferenceSessionFactory, TensorConstructor } from 'onnxruntime-common';

/** What the engine needs of an ONNX Runtime package: `onnxruntime-node` and `onnxruntime-web` both have it. */
export interface Runtime {
  readonly InferenceSession: InferenceSessionFactory;
  readonly Tensor: TensorConstructor;
}

/** Has ONNX Runtime load a graph. */
export async function loadModel(
  runtime: Runtime,
  bytes: Uint8Array,
  what: string,
  options: SessionOptions,
): Promise<InferenceSession> {
  try {
    return await runtime.InferenceSession.create(bytes, {
      executionProviders: [options.device ?? 'cpu'],
      ...(options.threads !== undefined && { intraOpNumThreads: options.threads }),
      interOpNumThreads: 1,
      logSeverityLevel: 3,
      // Threads that spin while they wait gain little, and on a busy machine cost each other half of the speed.
      extra: { 'session.intra_op.allow_spinning': '0' },
    });
  } catch (cause) {
    throw new EngineError('engine/load', `onnxruntime could not load ${what}: ${(cause as Error).message}`, { cause });
  }
}
