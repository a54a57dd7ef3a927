import { pretrainedContract } from '@graftjs/core/testing';
import { it } from 'vitest';
import { vggBackbones, vggPretrained } from './index.js';

for (const record of vggPretrained) {
  for (const { name, run } of pretrainedContract(record, vggBackbones)) it(name, run);
}
