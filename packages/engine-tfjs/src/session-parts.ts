import { EngineError, GraftError, type Graph, type Shape } from '@graftjs/core';
import { checkInputs, type VariableStore } from '@graftjs/core/engine-kit';
import type { LoweringContext } from './lowering.js';
import type { Tensor, Tfjs } from './tfjs.js';
import type { VariableTensors } from './variable-tensors.js';

/** What bounds the memory of a session beyond that of the variables, in bytes. */
export interface Budgets {
  /** What the examples of a batch keep for the way back; those of a larger batch run group by group. */
  readonly kept: number;
  /** The largest value of one run of a prediction. */
  readonly prediction: number;
}

/** Everything that a session of this engine is made of. */
export interface SessionParts {
  readonly graph: Graph;
  readonly tf: Tfjs;
  readonly store: VariableStore;
  readonly tensors: VariableTensors;
  readonly budgets: Budgets;
  /** Has the backend that the session was opened on compute what follows. */
  activate(): Promise<void>;
}

/** What operations ask for in use: nothing is dropped, and moving averages normalize. */
export function useContext({ graph, tf, tensors }: SessionParts): LoweringContext {
  const shapes = shapesOf(graph);
  return {
    tf,
    shape: (name) => shapes.get(name)!,
    variable: (name) => tensors.get(name),
    mask: () => undefined,
    statistics: () => undefined,
  };
}

/** The shapes of one example of every value, the input's too. */
export function shapesOf({ input, nodes }: Graph): Map<string, Shape> {
  return new Map([[input.name, input.shape], ...nodes.map(({ name, shape }) => [name, shape] as const)]);
}

/** Some examples of a batch that has been checked, in float32. */
export function inputTensor(
  { graph: { input }, tf }: SessionParts,
  inputs: Uint8Array | Float32Array,
  count: number,
): Tensor {
  return tf.tensor(Float32Array.from(inputs), [count, ...input.shape]);
}

/** Runs some work on TensorFlow.js, after a check of the inputs; what it throws is an `EngineError`. */
export async function atWork<T>(
  parts: SessionParts,
  inputs: Uint8Array | Float32Array,
  count: number,
  work: () => Promise<T>,
): Promise<T> {
  checkInputs(parts.graph, inputs, count);
  try {
    await parts.activate();
    return await work();
  } catch (cause) {
    if (GraftError.isInstance(cause)) throw cause;
    throw new EngineError(
      'engine/run',
      `TensorFlow.js could not run ${parts.graph.name} on ${parts.tf.getBackend()}: ${(cause as Error).message}`,
      { cause },
    );
  }
}
