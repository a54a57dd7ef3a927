import { createRequire } from 'node:module';
import { engineContract } from '@graftjs/core/testing';
import { describe, it } from 'vitest';
import type { Tfjs } from './tfjs.js';
import { createTfjsEngine } from './tfjs-engine.js';

const tf = createRequire(import.meta.url)('@tensorflow/tfjs') as Tfjs;

describe('the engine on the cpu backend', () => {
  for (const { name, run } of engineContract(createTfjsEngine(tf, ['cpu']))) it(name, run);
});
