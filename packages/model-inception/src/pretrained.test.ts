import { pretrainedContract } from '@graftjs/core/testing';
import { it } from 'vitest';
import { inceptionBackbones, inceptionPretrained } from './index.js';

for (const record of inceptionPretrained) {
  for (const { name, run } of pretrainedContract(record, inceptionBackbones)) it(name, run);
}
