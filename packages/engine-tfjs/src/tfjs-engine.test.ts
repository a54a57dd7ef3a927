import { engineContract } from '@graftjs/core/testing';
import { describe, it } from 'vitest';
import { createNodeBackends } from './node/node-backends.js';
import { createEngine } from './tfjs-engine.js';

for (const backend of ['cpu', 'wasm', 'node']) {
  describe.skipIf(backend === 'node' && !process.env.GRAFT_TFJS)(`the engine on the backend ${backend}`, () => {
    const backends = createNodeBackends();
    const engine = createEngine({ ...backends, load: (name = backend) => backends.load(name) });
    for (const { name, run } of engineContract(engine)) it(name, run);
  });
}
