import { type Engine, EngineError, type Graph, type SessionOptions, UsageError } from '@graftjs/core';
import { VariableStore } from '@graftjs/core/engine-kit';
import { Layouts } from '@graftjs/onnx';
import { ArrangedWeights } from './arranged-weights.js';
import { Block } from './block.js';
import { findBlockSize } from './blocked-layout.js';
import { cpuOnly, type Devices } from './devices.js';
import { type Executor, executeHere } from './executor.js';
import { predictionMemory, trainingMemory } from './memory.js';
import { createSession } from './onnx-session.js';
import { createTrainingSession } from './onnx-training-session.js';
import type { Runtime } from './runtime.js';
import type { Budgets, SessionParts } from './session-parts.js';

const defaultBudgets: Budgets = {
  piece: 8 * 2 ** 20,
  pieces: 96 * 2 ** 20,
  kept: 1.5 * 2 ** 30,
  prediction: 32 * 2 ** 20,
};

/** @param start gives what runs the graphs; called once, when the first session is opened */
export function createEngine(
  start: () => Promise<Executor>,
  budgets = defaultBudgets,
  devices: Devices = cpuOnly,
): Engine {
  let started: Promise<{ executor: Executor; blockSize: number }> | undefined;
  /** @param trained undefined for a session that only predicts */
  async function parts(graph: Graph, options: SessionOptions, trained?: readonly string[]): Promise<SessionParts> {
    const { device } = options;
    if (device !== undefined && !devices.names.includes(device)) {
      throw new UsageError(
        'usage/device',
        `The engine onnx does not run on '${device}'. Accepted: ${devices.names.join(', ')}.`,
      );
    }
    if (device !== undefined) await devices.check(device, graph, trained ?? []);
    started ??= start().then(async (executor) => ({ executor, blockSize: await findBlockSize(executor) }));
    let runtime: Awaited<typeof started>;
    try {
      runtime = await started;
    } catch (cause) {
      started = undefined;
      throw new EngineError(
        'engine/runtime',
        `The ONNX Runtime package could not be loaded: ${(cause as Error).message}`,
        { cause },
      );
    }
    const { executor } = runtime;
    // Only the processor has the blocked layout.
    const blockSize = device === undefined || device === 'cpu' ? runtime.blockSize : 1;
    const layouts = new Layouts(graph);
    const store = new VariableStore(graph, layouts, (array) => new Block(array));
    const arranged = new ArrangedWeights(store, layouts, blockSize);
    const trains = trained !== undefined;
    return { graph, layouts, store, arranged, executor, blockSize, budgets, trains, options };
  }
  return {
    name: 'onnx',
    description: 'ONNX Runtime; trains on its inference build',
    devices: devices.names,
    ...(devices.probe && { probe: devices.probe }),
    open: async (graph, options = {}) => createSession(await parts(graph, options)),
    openTraining: async (graph, training, options = {}) =>
      createTrainingSession(await parts(graph, options, training.trainable), training),
    trainingMemory: async (graph, training, options = {}) =>
      trainingMemory(await parts(graph, options, training.trainable), training),
    predictionMemory: async (graph, options = {}) => predictionMemory(await parts(graph, options)),
  };
}

/**
 * The engine on an ONNX Runtime package, in the thread that uses it; the package is loaded when the first session is opened.
 * @param load gives the package: `() => import('onnxruntime-web')`
 */
export function createOnnxEngine(load: () => Promise<Runtime>): Engine {
  return createEngine(async () => executeHere(await load()));
}
