import { definePlugin, ENGINE } from '@graftjs/core';
import { createOnnxEngine } from './onnx-engine.js';

export type { Runtime } from './runtime.js';
export { createOnnxEngine };

/** The engine on `onnxruntime-node`. */
export const onnxEngine = createOnnxEngine(() => import('onnxruntime-node'));

export default definePlugin({
  name: '@graftjs/engine-onnx',
  register(container) {
    container.register(ENGINE, { useValue: onnxEngine });
  },
});
