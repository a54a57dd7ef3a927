import { EngineError, elementCount, type SessionOptions } from '@graftjs/core';
import { sentinel } from '@graftjs/onnx';
import type { InferenceSession, Tensor } from 'onnxruntime-common';
import type { TensorArray, TensorView } from './block.js';
import type { Runtime } from './runtime.js';

/** One run of a loaded graph: its inputs and outputs by name. Outputs are written where their views are. */
export interface Run {
  /** What `Executor.load` gave. */
  readonly model: number;
  readonly feeds: Readonly<Record<string, TensorView>>;
  readonly fetches: Readonly<Record<string, TensorView>>;
}

/** Runs ONNX graphs, in this thread or in another. What it throws is an `EngineError`. */
export interface Executor {
  /**
   * Loads a graph; its number is for `run`.
   * @param bytes an ONNX file, which may be gone afterwards
   * @param what its name in messages
   */
  load(bytes: Uint8Array, what: string, options: SessionOptions): Promise<number>;
  /** Runs loaded graphs one after the other; none of their blocks can be used before it ends. */
  run(runs: readonly Run[]): Promise<void>;
  release(model: number): Promise<void>;
}

const elementTypeOf = (array: TensorArray) =>
  array instanceof Float32Array ? 'float32' : array instanceof Uint8Array ? 'uint8' : 'int32';

/** Runs a graph whose sentinel is asked for. */
async function withoutCopies(run: () => Promise<unknown>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error as Error).message.startsWith('Non tensor type')) throw error;
  }
}

/**
 * An executor in this thread.
 * @param copiesOutputs whether the runtime copies outputs that it was given arrays for into further arrays, as
 * onnxruntime-node does once a graph has run, at several times the cost of computing them. It stops at an output that is no
 * tensor, with an error; so such a one is asked for where the graph has it, and comes first.
 */
export function executeHere(runtime: Runtime, copiesOutputs = false): Executor {
  const models = new Map<number, InferenceSession>();
  let loaded = 0;

  function tensors(views: Readonly<Record<string, TensorView>>): Record<string, Tensor> {
    const result: Record<string, Tensor> = {};
    for (const [name, { block, from, dims }] of Object.entries(views)) {
      const part = block.array.subarray(from, from + elementCount(dims));
      result[name] = new runtime.Tensor(elementTypeOf(part), part, dims);
    }
    return result;
  }

  return {
    async load(bytes, what, { device = 'cpu', threads }) {
      try {
        const session = await runtime.InferenceSession.create(bytes, {
          executionProviders: [device],
          ...(threads !== undefined && { intraOpNumThreads: threads }),
          interOpNumThreads: 1,
          logSeverityLevel: 3,
          // A plan of a run's memory takes room beside what is there without one, a fifth to a third of all, and saves no time.
          enableMemPattern: false,
          // Threads that spin while they wait gain little, and on a busy machine cost each other half of the speed.
          extra: { 'session.intra_op.allow_spinning': '0' },
        });
        models.set(++loaded, session);
        return loaded;
      } catch (cause) {
        throw new EngineError('engine/load', `onnxruntime could not load ${what}: ${(cause as Error).message}`, {
          cause,
        });
      }
    },
    async run(runs) {
      try {
        for (const { model, feeds, fetches } of runs) {
          const session = models.get(model)!;
          if (!(copiesOutputs && session.outputNames.includes(sentinel)))
            await session.run(tensors(feeds), tensors(fetches));
          else await withoutCopies(() => session.run(tensors(feeds), { [sentinel]: null, ...tensors(fetches) }));
        }
      } catch (cause) {
        throw new EngineError('engine/run', `onnxruntime could not run the graph: ${(cause as Error).message}`, {
          cause,
        });
      }
    },
    async release(model) {
      await models.get(model)!.release();
      models.delete(model);
    },
  };
}
