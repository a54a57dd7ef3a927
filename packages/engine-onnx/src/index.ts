import { createRequire } from 'node:module';
import { definePlugin, ENGINE } from '@graftjs/core';
import { createNodeDevices } from './node-devices.js';
import { createEngine, createOnnxEngine } from './onnx-engine.js';
import { executeInWorker } from './worker-executor.js';

export type { Runtime } from './runtime.js';
export { createOnnxEngine };

/** The engine on `onnxruntime-node`, which runs in a thread of its own. */
export const onnxEngine = createEngine(
  async () => executeInWorker(),
  undefined,
  createNodeDevices(() => createRequire(import.meta.url).resolve('onnxruntime-node')),
);

export default definePlugin({
  name: '@graftjs/engine-onnx',
  register(container) {
    container.register(ENGINE, { useValue: onnxEngine });
  },
});
