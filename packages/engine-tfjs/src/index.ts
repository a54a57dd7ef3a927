import { definePlugin, ENGINE } from '@graftjs/core';
import { createNodeBackends } from './node/node-backends.js';
import { createEngine } from './tfjs-engine.js';

export * from './browser.js';

/** The engine on the TensorFlow.js that is installed: `tfjs-node-gpu`, `tfjs-node` or `tfjs`. */
export const tfjsEngine = createEngine(createNodeBackends());

export default definePlugin({
  name: '@graftjs/engine-tfjs',
  register(container) {
    container.register(ENGINE, { useValue: tfjsEngine });
  },
});
