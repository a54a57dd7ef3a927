import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import ckptSlim from '@graftjs/ckpt-slim';
import { createContainer } from '@graftjs/core';
import { nodeFileSystem } from '@graftjs/core/node';
import { describe, expect, it } from 'vitest';
import { checkpoints, graft, packageFolder, temporaryFolder } from '../../test/graft.js';
import { type InspectedTensor, inspectCheckpoint } from '../inspect-checkpoint.js';

const suffix = '.manifest.json';
const names = (await readdir(checkpoints))
  .filter((name) => name.endsWith(suffix))
  .map((name) => name.slice(0, -suffix.length));

/** What TensorFlow says of a checkpoint; of strings the manifest's hash is of something else, so it is left out. */
function manifest(name: string): InspectedTensor[] {
  const { variables } = JSON.parse(readFileSync(join(checkpoints, name + suffix), 'utf8')) as {
    variables: Record<string, Omit<InspectedTensor, 'name'> & { sha256: string }>;
  };
  return Object.entries(variables)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { dtype, shape, sha256 }]) => ({ name, dtype, shape, ...(dtype !== 'string' && { sha256 }) }));
}

describe('the variables of TensorFlow’s checkpoints, and their hashes', () => {
  const container = createContainer([ckptSlim]);
  it.each(names)('%s', async (name) => {
    const { tensors } = await inspectCheckpoint(join(checkpoints, name), container, nodeFileSystem, { hash: true });
    expect(tensors).toEqual(manifest(name));
  });

  it.each(['v1_partitioned.ckpt', 'v2_types.ckpt'])('graft inspect --json --hash %s', async (name) => {
    const { status, stdout, stderr } = await graft(['inspect', join(checkpoints, name), '--json', '--hash']);
    expect([status, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toEqual(manifest(name));
  });
});

it('without --hash nothing is hashed', async () => {
  const path = join(checkpoints, 'v1.ckpt');
  const { stdout } = await graft(['inspect', path, '--json']);
  expect(JSON.parse(stdout)).toEqual(manifest('v1.ckpt').map(({ name, dtype, shape }) => ({ name, dtype, shape })));
});

it('as a table for people', async () => {
  const { stdout } = await graft(['inspect', join(checkpoints, 'v1.ckpt'), '--hash']);
  const { sha256 } = manifest('v1.ckpt').find(({ name }) => name === 'vgg_16/fc6/weights')!;
  expect(stdout).toMatch(new RegExp(`^vgg_16/fc6/weights +float32 +7x7x16x24 +${sha256}$`, 'm'));
  expect(stdout).toMatch(/12 variables, slim-v1$/m);
});

it('what no format recognises is an error that lists the formats', async () => {
  const empty = await temporaryFolder();
  for (const path of [join(packageFolder, 'package.json'), join(empty, 'nowhere'), empty]) {
    const { status, stdout, stderr } = await graft(['inspect', path, '--json']);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toContain(path);
    expect(stderr).toMatch(/slim-v1.*slim-v2/);
  }
});
