import { pretrainedContract } from '@graftjs/core/testing';
import { it } from 'vitest';
import { resnetBackbones, resnetPretrained } from './index.js';

for (const record of resnetPretrained) {
  for (const { name, run } of pretrainedContract(record, resnetBackbones)) it(name, run);
}
