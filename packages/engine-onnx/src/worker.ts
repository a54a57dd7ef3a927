/** What runs in the thread of `executeInWorker`: functions that it calls by name. */
import { type EngineError, GraftError, type SessionOptions } from '@graftjs/core';
import { move, transferableSymbol, valueSymbol } from 'piscina';
import { Block, type TensorArray, type TensorView } from './block.js';
import { type Executor, executeHere, type Run } from './executor.js';

/** A `TensorView` whose block is a place in `RunMessage.arrays`. */
export interface MessageView {
  readonly block: number;
  readonly from: number;
  readonly dims: readonly number[];
}

export interface RunMessage {
  readonly runs: readonly {
    readonly model: number;
    readonly feeds: Readonly<Record<string, MessageView>>;
    readonly fetches: Readonly<Record<string, MessageView>>;
  }[];
  readonly arrays: readonly TensorArray[];
}

export interface LoadMessage {
  readonly bytes: Uint8Array;
  readonly what: string;
  readonly options: SessionOptions;
}

/** An error of the engine, as it gets from thread to thread. */
export interface Problem {
  readonly code: EngineError['code'];
  readonly message: string;
  readonly cause: unknown;
}

/** A result, or what went wrong; the arrays come back in either case. */
export interface Outcome<T> {
  readonly value?: T;
  readonly problem?: Problem;
  readonly arrays: readonly TensorArray[];
}

let executor: Executor | undefined;

async function outcome<T>(work: (own: Executor) => Promise<T>, arrays: readonly TensorArray[] = []): Promise<object> {
  let result: Outcome<T>;
  try {
    executor ??= executeHere(await import('onnxruntime-node'), true);
    result = { value: await work(executor), arrays };
  } catch (error) {
    const { message, cause } = error as Error;
    const code = GraftError.isInstance(error) ? (error.code as EngineError['code']) : 'engine/runtime';
    result = { problem: { code, message, cause: cause ?? error }, arrays };
  }
  return move({ [transferableSymbol]: arrays.map(({ buffer }) => buffer), [valueSymbol]: result });
}

export const load = ({ bytes, what, options }: LoadMessage): Promise<object> =>
  outcome((own) => own.load(bytes, what, options));

export const release = (model: number): Promise<object> => outcome((own) => own.release(model));

export function run({ runs, arrays }: RunMessage): Promise<object> {
  const blocks = arrays.map((array) => new Block(array));
  const views = (messages: Readonly<Record<string, MessageView>>): Record<string, TensorView> =>
    Object.fromEntries(
      Object.entries(messages).map(([name, { block, from, dims }]) => [name, { block: blocks[block]!, from, dims }]),
    );
  const own: Run[] = runs.map(({ model, feeds, fetches }) => ({ model, feeds: views(feeds), fetches: views(fetches) }));
  return outcome((executor) => executor.run(own), arrays);
}
