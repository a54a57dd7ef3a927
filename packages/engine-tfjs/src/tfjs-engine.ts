import {
  type Engine,
  EngineError,
  type EngineReport,
  GraftError,
  type Graph,
  type SessionOptions,
  UsageError,
} from '@graftjs/core';
import { slimLayout, VariableStore } from '@graftjs/core/engine-kit';
import { predictionMemory, trainingMemory } from './memory.js';
import type { Budgets, SessionParts } from './session-parts.js';
import type { Tfjs } from './tfjs.js';
import { createSession } from './tfjs-session.js';
import { createTrainingSession } from './tfjs-training-session.js';
import { VariableTensors } from './variable-tensors.js';

const defaultBudgets: Budgets = { kept: 1.5 * 2 ** 30, prediction: 32 * 2 ** 20 };

/** Backends of TensorFlow.js, each under the name that a session's `device` has. */
export interface Backends {
  readonly names: readonly string[];
  /**
   * Loads TensorFlow.js for one of them, or for the first that can be loaded.
   * @param threads of one operation, where the backend has several
   * @returns it, and what makes the backend the one that computes
   * @throws EngineError `engine/device` with what is lacking, `engine/threads` where it runs with others already
   */
  load(name: string | undefined, threads?: number): Promise<{ readonly tf: Tfjs; activate(): Promise<void> }>;
  probe?(): Promise<EngineReport>;
}

export function createEngine(backends: Backends, budgets = defaultBudgets): Engine {
  async function parts(graph: Graph, { device, threads }: SessionOptions): Promise<SessionParts> {
    if (device !== undefined && !backends.names.includes(device)) {
      throw new UsageError(
        'usage/device',
        `The engine tfjs does not run on '${device}'. Accepted: ${backends.names.join(', ')}.`,
      );
    }
    try {
      const { tf, activate } = await backends.load(device, threads);
      await activate();
      const store = new VariableStore(graph, slimLayout, (array) => ({ array }));
      return { graph, tf, store, tensors: new VariableTensors(tf, store), budgets, activate };
    } catch (cause) {
      if (GraftError.isInstance(cause)) throw cause;
      throw new EngineError('engine/runtime', `TensorFlow.js could not be started: ${(cause as Error).message}`, {
        cause,
      });
    }
  }
  return {
    name: 'tfjs',
    description: 'TensorFlow.js: tfjs-node-gpu, tfjs-node, or any of its backends',
    devices: backends.names,
    ...(backends.probe && { probe: backends.probe }),
    open: async (graph, options = {}) => createSession(await parts(graph, options)),
    openTraining: async (graph, training, options = {}) => createTrainingSession(await parts(graph, options), training),
    trainingMemory: async (graph, training, options = {}) => trainingMemory(await parts(graph, options), training),
    predictionMemory: async (graph, options = {}) => predictionMemory(await parts(graph, options)),
  };
}

/**
 * The engine on a TensorFlow.js that is loaded already, as in a browser.
 * @param tf `import * as tf from '@tensorflow/tfjs'`
 * @param names those of its backends that sessions may run on, the default first: `webgl`, `wasm`, `cpu`. A backend of a package of
 * its own, such as `@tensorflow/tfjs-backend-wasm`, has to be imported before
 */
export function createTfjsEngine(tf: Tfjs, names: readonly string[]): Engine {
  return createEngine({
    names,
    async load(name = names[0]!) {
      const activate = async () => {
        if (tf.getBackend() === name || (await tf.setBackend(name))) return;
        throw new EngineError(
          'engine/device',
          `TensorFlow.js has no backend '${name}' here. Name another: ${names.join(', ')}.`,
        );
      };
      return { tf, activate };
    },
  });
}
