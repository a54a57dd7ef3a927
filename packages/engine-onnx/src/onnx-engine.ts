import { type Engine, EngineError, type Graph, type SessionOptions, UsageError } from '@graftjs/core';
import { Layouts } from './layouts.js';
import { createSession, type SessionParts } from './onnx-session.js';
import { createTrainingSession } from './onnx-training-session.js';
import type { Runtime } from './runtime.js';
import { VariableStore } from './variable-store.js';

/**
 * The engine on an ONNX Runtime package, which is loaded when the first session is opened.
 * @param load gives the package: `() => import('onnxruntime-node')`
 */
export function createOnnxEngine(load: () => Promise<Runtime>): Engine {
  const devices = ['cpu'];
  async function parts(graph: Graph, options: SessionOptions): Promise<SessionParts> {
    if (options.device !== undefined && !devices.includes(options.device)) {
      throw new UsageError(
        'usage/device',
        `The engine onnx does not run on '${options.device}'. Accepted: ${devices.join(', ')}.`,
      );
    }
    let runtime: Runtime;
    try {
      runtime = await load();
    } catch (cause) {
      throw new EngineError(
        'engine/runtime',
        `The ONNX Runtime package could not be loaded: ${(cause as Error).message}`,
        { cause },
      );
    }
    const layouts = new Layouts(graph);
    return { graph, layouts, store: new VariableStore(graph, layouts), runtime, options };
  }
  return {
    name: 'onnx',
    description: 'ONNX Runtime; trains on its inference build',
    devices,
    open: async (graph, options = {}) => createSession(await parts(graph, options)),
    openTraining: async (graph, training, options = {}) => createTrainingSession(await parts(graph, options), training),
  };
}
