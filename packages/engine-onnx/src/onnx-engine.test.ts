import { engineContract } from '@graftjs/core/testing';
import { describe, it } from 'vitest';
import { onnxEngine } from './index.js';

describe('the engine on onnxruntime-node', () => {
  for (const { name, run } of engineContract(onnxEngine)) it(name, run);
});
