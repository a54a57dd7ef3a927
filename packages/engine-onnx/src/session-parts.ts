import type { Graph, SessionOptions } from '@graftjs/core';
import { checkInputs, type VariableStore } from '@graftjs/core/engine-kit';
import type { Arrangements, Layouts } from '@graftjs/onnx';
import type { ArrangedWeights } from './arranged-weights.js';
import { Block, type TensorView } from './block.js';
import type { Executor } from './executor.js';

/** What bounds the memory of a session beyond that of the variables, in bytes. */
export interface Budgets {
  /** The largest value of one run of a step's graph; one example runs in any case. */
  readonly piece: number;
  /** Those of all graphs of a step together. */
  readonly pieces: number;
  /** What the examples of a batch keep for the way back; those of a larger batch run group by group. */
  readonly kept: number;
  /** The largest value of one run of a prediction. */
  readonly prediction: number;
}

/** Everything that a session of this engine is made of. */
export interface SessionParts {
  readonly graph: Graph;
  readonly layouts: Layouts;
  readonly store: VariableStore<Block<Float32Array>>;
  readonly arranged: ArrangedWeights;
  readonly executor: Executor;
  /** Of the runtime's blocked layout; 1 where it has none, or it is not to be used. */
  readonly blockSize: number;
  readonly budgets: Budgets;
  /** False where the variables stay as they are written, and may be kept in a second form that predictions are faster with. */
  readonly trains: boolean;
  readonly options: SessionOptions;
}

/** The batch as a block of its own; an array of the wrong length or type is an error. */
export function inputBlock({ graph }: SessionParts, inputs: Uint8Array | Float32Array, count: number): Block {
  checkInputs(graph, inputs, count);
  // Not `slice`: of a Buffer that is a view, and what is handed to the runtime is gone here.
  return new Block(inputs instanceof Uint8Array ? new Uint8Array(inputs) : new Float32Array(inputs));
}

/** What a graph takes besides examples, over the engine's own memory. */
export function variableFeeds(
  { layouts, store, arranged }: SessionParts,
  { variables, arrangements }: { readonly variables: Iterable<string>; readonly arrangements: Arrangements },
): Record<string, TensorView> {
  const feeds: Record<string, TensorView> = {};
  for (const name of variables) feeds[name] = { block: store.holder(name), from: 0, dims: layouts.dims(name) };
  for (const name of arrangements.keys()) feeds[name] = arranged.view(name);
  return feeds;
}
