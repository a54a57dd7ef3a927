import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  CHECKPOINT_FORMAT,
  type CheckpointReader,
  createContainer,
  type DType,
  resolve,
  type TensorSource,
} from '@graftjs/core';
import { nodeFileSystem as files } from '@graftjs/core/node';
import { checkpointFormatContract } from '@graftjs/core/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import plugin, { safetensors } from './index.js';

const fixtures = fileURLToPath(new URL('../fixtures', import.meta.url));
const folder = await mkdtemp(join(tmpdir(), 'graft-safetensors-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Manifest {
  readonly metadata: Readonly<Record<string, string>> | null;
  readonly tensors: readonly unknown[];
}
const manifestEnding = '.manifest.json';
const written = (await readdir(fixtures))
  .filter((name) => name.endsWith(manifestEnding))
  .map((name) => name.slice(0, -manifestEnding.length));

async function listed(reader: CheckpointReader): Promise<unknown[]> {
  const tensors = [];
  for (const { name, dtype, shape } of reader.tensors.values()) {
    const sha256 = createHash('sha256')
      .update(await reader.read(name))
      .digest('hex');
    tensors.push({ name, dtype, shape, sha256 });
  }
  return tensors;
}

async function sourcesOf(reader: CheckpointReader): Promise<TensorSource[]> {
  return [...reader.tensors.values()].map((tensor) => ({ ...tensor, read: () => reader.read(tensor.name) }));
}

it('the plugin brings the format', () => {
  expect(resolve(createContainer([plugin]), CHECKPOINT_FORMAT, 'safetensors')).toBe(safetensors);
});

describe('the contract of checkpoint formats', () => {
  for (const { name, run } of checkpointFormatContract(safetensors, files, folder)) it(name, run);
});

describe.each(written)('%s, written by the reference implementation', (name) => {
  let reader: CheckpointReader;
  beforeAll(async () => {
    reader = await safetensors.open(join(fixtures, name), files);
    return () => reader.close();
  });

  it('has the tensors, types, shapes, bytes and metadata that were written', async () => {
    const manifest: Manifest = JSON.parse(await readFile(join(fixtures, name + manifestEnding), 'utf8'));
    expect(await safetensors.recognises(join(fixtures, name), files)).toBe(true);
    expect(await listed(reader)).toEqual(manifest.tensors);
    expect(reader.metadata && Object.fromEntries(reader.metadata)).toEqual(manifest.metadata ?? undefined);
  });
});

it.each(['types.safetensors', 'nothing.safetensors'])('%s, written again, is the very same file', async (name) => {
  const [from, to] = [join(fixtures, name), join(folder, name)];
  const reader = await safetensors.open(from, files);
  const backwards = (await sourcesOf(reader)).reverse();
  await safetensors.write!(to, backwards, files, reader);
  await reader.close();
  expect((await readFile(to)).equals(await readFile(from))).toBe(true);
});

it('a type that Graft does not have is not listed, and named when it is read', async () => {
  const reader = await safetensors.open(join(fixtures, 'small_floats.safetensors'), files);
  await expect(reader.read('small')).rejects.toMatchObject({
    code: 'checkpoint/unsupported-type',
    details: { name: 'small', type: 'F8_E4M3' },
  });
  await reader.close();
});

it.each(['types.safetensors', 'sharded.safetensors.index.json'])('%s gives any part of a tensor', async (name) => {
  const reader = await safetensors.open(join(fixtures, name), files);
  for (const { name: tensor } of reader.tensors.values()) {
    const whole = await reader.read(tensor);
    for (const [start, end] of [
      [0, whole.length],
      [whole.length >> 1, whole.length],
      [whole.length >> 2, whole.length >> 1],
    ] as const) {
      const part = new Uint8Array(end - start);
      await reader.readPart!(tensor, start, part);
      expect(part).toEqual(whole.slice(start, end));
    }
    for (const start of [-1, 1]) {
      const beyond = reader.readPart!(tensor, start, new Uint8Array(whole.length));
      if (whole.length > 0) await expect(beyond).rejects.toMatchObject({ code: 'checkpoint/no-such-part' });
      else await expect(beyond).rejects.toMatchObject({ details: { accepted: 0 } });
    }
  }
  await reader.close();
});

describe('several files with an index', () => {
  const index = (content: unknown) => [new TextEncoder().encode(JSON.stringify(content))];
  const path = join(folder, 'broken.safetensors.index.json');
  const opened = async (content: unknown) => {
    await files.write(path, index(content));
    return safetensors.open(path, files);
  };

  it('are counted together', async () => {
    const found = await safetensors.filesOf(join(fixtures, 'sharded.safetensors.index.json'), files);
    const names = (await readdir(fixtures)).filter((name) => /^sharded.*(json|safetensors)$/.test(name));
    expect(found.sort()).toEqual(
      names
        .filter((name) => !name.endsWith(manifestEnding))
        .map((name) => join(fixtures, name))
        .sort(),
    );
  });
  it.each([
    ['no map', {}],
    ['a list', { weight_map: ['a'] }],
    ['null', null],
    ['a file above its folder', { weight_map: { wide: '../fixtures/small_floats.safetensors' } }],
    ['a file by its whole path', { weight_map: { wide: join(fixtures, 'small_floats.safetensors') } }],
    ['the folder', { weight_map: { wide: '..' } }],
    ['a number for a file', { weight_map: { wide: 1 } }],
  ])('are refused with %s', async (_, content) => {
    await expect(opened(content)).rejects.toMatchObject({ code: 'checkpoint/damaged' });
  });
  it('are refused where a file is missing, or lacks what it should have', async () => {
    await safetensors.write!(join(folder, 'part.safetensors'), [], files);
    await expect(opened({ weight_map: { a: 'nowhere.safetensors' } })).rejects.toMatchObject({
      code: 'checkpoint/file-access',
    });
    await expect(opened({ weight_map: { a: 'part.safetensors' } })).rejects.toMatchObject({
      code: 'checkpoint/damaged',
      message: expect.stringContaining("'a'"),
    });
  });
  it('are not written', async () => {
    await expect(safetensors.write!(path, [], files)).rejects.toMatchObject({ code: 'checkpoint/bad-path' });
  });
});

describe('what cannot be written is refused before there is a file', () => {
  const tensor = (name: string, dtype: DType = 'uint8', shape = [1], bytes = 1): TensorSource => ({
    name,
    dtype,
    shape,
    read: () => new Uint8Array(bytes),
  });
  it.each<[string, string, TensorSource[]]>([
    ['a name twice', 'checkpoint/bad-name', [tensor('a'), tensor('a')]],
    ['the name of the metadata', 'checkpoint/bad-name', [tensor('__metadata__')]],
    ['half a character', 'checkpoint/bad-name', [tensor('\ud800')]],
    ['strings', 'checkpoint/unsupported-type', [tensor('a', 'string')]],
    ['complex128', 'checkpoint/unsupported-type', [tensor('a', 'complex128', [1], 16)]],
    ['a negative size', 'checkpoint/bad-shape', [tensor('a', 'uint8', [-1])]],
    ['a size that overflows', 'checkpoint/bad-shape', [tensor('a', 'uint8', [2 ** 30, 2 ** 30])]],
    ['too few bytes', 'checkpoint/source-size', [tensor('a', 'float32')]],
    ['a header that nobody reads', 'checkpoint/header-size', [tensor('a'.repeat(100_000_000))]],
  ])('%s', async (_, code, tensors) => {
    const path = join(folder, 'refused.safetensors');
    await expect(safetensors.write!(path, tensors, files)).rejects.toMatchObject({ code });
    expect(await files.stat(path)).toBeUndefined();
  });
});
