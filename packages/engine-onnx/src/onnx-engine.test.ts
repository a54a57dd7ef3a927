import { engineContract } from '@graftjs/core/testing';
import { describe, it } from 'vitest';
import { executeHere } from './executor.js';
import { onnxEngine } from './index.js';
import { createEngine } from './onnx-engine.js';

describe('the engine on onnxruntime-node', () => {
  for (const { name, run } of engineContract(onnxEngine)) it(name, run);
});

// Networks cut wherever they can be, one example at a time, and batches cut into groups.
describe('the engine with next to no memory', () => {
  const engine = createEngine(async () => executeHere(await import('onnxruntime-node')), {
    piece: 1,
    pieces: 1,
    kept: 1,
    prediction: 1,
  });
  for (const { name, run } of engineContract(engine)) it(name, run);
});
