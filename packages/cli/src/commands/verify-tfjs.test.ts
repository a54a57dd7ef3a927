import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { graft, oracles, ownOracles } from '../../test/graft.js';
import { passes, type Verification } from '../verify/verification.js';

async function expectMet(file: string, backend: string): Promise<void> {
  const args = ['verify', file, '--json', '--engine', 'tfjs', '--backend', backend];
  const { status, stdout, stderr } = await graft(args);
  expect(stderr).toBe('');
  const [result] = JSON.parse(stdout) as [Verification];
  expect(result.problems).toEqual([]);
  expect(result.tensors.filter((check) => !passes(check))).toEqual([]);
  expect(result.tensors.length).toBeGreaterThan(10);
  expect(status).toBe(0);
}

/** Oracle files of a folder; those that rounding alone moves beyond the tolerance take long, since that has to be measured. */
const filesOf = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.json') && !name.startsWith('vgg_16_224_2_10_momentum'))
    .map((name) => join(folder, name));

describe('TensorFlow’s numbers are met by TensorFlow.js', () => {
  it('in JavaScript alone, by a network in use', () => expectMet(join(oracles, 'forward/resnet_v2_50_65.json'), 'cpu'));

  it('in WebAssembly, by training', () =>
    expectMet(
      join(ownOracles, 'vgg_16_64_4_10_momentum_5e-8_0.0005_3_vgg_16-fc8_vgg_16-fc7_vgg_16-conv5.json'),
      'wasm',
    ));

  const all = [oracles, ownOracles].flatMap((folder) =>
    folder === oracles ? ['forward', 'train', 'fcn'].flatMap((kind) => filesOf(join(folder, kind))) : filesOf(folder),
  );
  it.skipIf(!process.env.GRAFT_TFJS).each(all)('on tfjs-node: %s', (file) => expectMet(file, 'node'), 600_000);
});
