import { readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import ckptSlim, { slimV2 } from '@graftjs/ckpt-slim';
import { createContainer } from '@graftjs/core';
import { nodeFileSystem as files } from '@graftjs/core/node';
import { expect, it } from 'vitest';
import { checkpoints, graft, temporaryFolder } from '../../test/graft.js';
import { convertCheckpoint } from '../convert-checkpoint.js';

const hashes = async (path: string) => (await graft(['inspect', path, '--json', '--hash'])).stdout;

it.each(['v1_types.ckpt', 'v1_sharded.ckpt'])('%s to V2 and back keeps every byte', async (name) => {
  const folder = await temporaryFolder();
  const [original, second, first] = [join(checkpoints, name), join(folder, 'new/second'), join(folder, 'first.ckpt')];
  const there = await graft(['convert', original, second]);
  expect(there.status).toBe(0);
  expect(there.stdout).toMatch(/\(slim-v1\) is now .*second \(slim-v2\): \d+ variables, none of them renamed/);
  const back = await graft(['convert', second, first, '--format', 'slim-v1', '--json']);
  const expected = await hashes(original);
  const tensors = (JSON.parse(expected) as { name: string }[]).map(({ name }) => name);
  expect(JSON.parse(back.stdout)).toEqual({ from: 'slim-v2', to: 'slim-v1', tensors });
  expect(await hashes(second)).toBe(expected);
  expect(await hashes(first)).toBe(expected);
});

it('strings, too', async () => {
  const [from, to] = [join(checkpoints, 'v2_types.ckpt'), join(await temporaryFolder(), 'strings')];
  expect((await graft(['convert', from, to])).status).toBe(0);
  expect(await hashes(to)).toBe(await hashes(from));
  const strings = async (path: string) => {
    const reader = await slimV2.open(path, files);
    const found = await reader.readStrings('types/string');
    await reader.close();
    return found;
  };
  expect(await strings(from)).toHaveLength(3);
  expect(await strings(to)).toEqual(await strings(from));
});

it('a checkpoint is not written over itself, by whatever name', async () => {
  const container = createContainer([ckptSlim]);
  const folder = await temporaryFolder();
  const [one, two] = [join(folder, 'one.ckpt'), join(folder, 'two')];
  await convertCheckpoint(join(checkpoints, 'v1.ckpt'), one, container, files, { format: 'slim-v1' });
  await convertCheckpoint(one, two, container, files);
  await symlink(folder, join(folder, 'link'));
  const before = [await readFile(one), await readFile(`${two}.index`)];
  for (const [from, to, format] of [
    [one, one, 'slim-v1'],
    [one, one, 'slim-v2'],
    [one, join(folder, 'link/one.ckpt'), 'slim-v1'],
    [two, two, 'slim-v2'],
    [`${two}.index`, two, 'slim-v2'],
    [two, join(folder, 'link/two'), 'slim-v2'],
  ] as const) {
    const refused = convertCheckpoint(from, to, container, files, { format });
    await expect(refused, `${from} to ${to}`).rejects.toMatchObject({ code: 'usage/same-checkpoint' });
  }
  expect([await readFile(one), await readFile(`${two}.index`)]).toEqual(before);
  expect((await graft(['convert', one, one])).status).toBe(2);
});

it('what cannot be done is said, and nothing is left behind', async () => {
  const folder = await temporaryFolder();
  const to = join(folder, 'out.ckpt');
  const refused = await graft(['convert', join(checkpoints, 'v2_types.ckpt'), to, '--format', 'slim-v1']);
  expect(refused.status).toBe(1);
  expect(refused.stderr).toMatch(/'types\/bf16'.*bfloat16/);
  const unknown = await graft(['convert', join(checkpoints, 'v1.ckpt'), to, '--format', 'npz']);
  expect(unknown.status).toBe(1);
  expect(unknown.stderr).toMatch(/no checkpoint format 'npz'\. Installed: .*slim-v1, slim-v2/);
  const missing = await graft(['convert', join(folder, 'nowhere'), to]);
  expect(missing.status).toBe(1);
  expect((await graft(['inspect', to])).status).toBe(1);
});
