import { createMemoryFiles } from '@graftjs/core';
import { describe, expect, it } from 'vitest';
import { expectedManifest, fixture, fixtureFiles, manifestOf } from '../test/fixtures.js';
import { slimV1 } from './slim-v1.js';
import { slimV2 } from './slim-v2.js';

const encode = (text: string) => new TextEncoder().encode(text);

/** The files of a fixture as `prefix`, with others. */
function placed(
  name: string,
  prefix: string,
  others: Readonly<Record<string, Uint8Array>> = {},
): Map<string, Uint8Array> {
  const source = fixture(name);
  const files = new Map(Object.entries(others));
  for (const [path, bytes] of fixtureFiles(source)) files.set(path.replace(source.prefix, prefix), bytes);
  return files;
}

const state = { '/run/checkpoint': encode('model_checkpoint_path: "model.ckpt-9"\n') };

describe.each([
  ['V1', slimV1, 'v1.ckpt', '/run/model.ckpt-9', ['/run/model.ckpt-9', '/run', '/run/', '/run/checkpoint']],
  [
    'sharded V1',
    slimV1,
    'v1_sharded.ckpt',
    '/run/model.ckpt-9',
    [
      '/run/model.ckpt-9',
      '/run/model.ckpt-9-00000-of-00003',
      '/run/model.ckpt-9-00002-of-00003',
      '/run',
      '/run/checkpoint',
    ],
  ],
  [
    'sharded V2',
    slimV2,
    'v2_sharded.ckpt',
    '/run/model.ckpt-9',
    [
      '/run/model.ckpt-9',
      '/run/model.ckpt-9.index',
      '/run/model.ckpt-9.data-00001-of-00003',
      '/run',
      '/run/',
      '/run/checkpoint',
    ],
  ],
  ['V1 in no folder', slimV1, 'v1_sharded.ckpt', 'model', ['model', 'model-00001-of-00003']],
  ['V2 in no folder', slimV2, 'v2.ckpt', 'model', ['model', 'model.index']],
])('%s', (_, format, name, prefix, paths) => {
  const source = fixture(name);
  const contents = placed(name, prefix, prefix.startsWith('/run') ? state : {});
  const files = createMemoryFiles(contents);

  it.each(paths)('is named by %s', async (path) => {
    expect(await format.recognises(path, files)).toBe(true);
    const reader = await format.open(path, files);
    expect(await manifestOf(reader)).toEqual(expectedManifest(source.variables));
    expect([...(await format.filesOf(path, files))].sort()).toEqual(
      [...contents.keys()].filter((file) => file !== '/run/checkpoint').sort(),
    );
  });
});

it('V2 comes before V1 where both have the name, as in TensorFlow', async () => {
  const files = createMemoryFiles([...placed('v1.ckpt', '/run/model'), ...placed('v2.ckpt', '/run/model')]);
  expect(await slimV1.recognises('/run/model', files)).toBe(false);
  expect(await slimV2.recognises('/run/model', files)).toBe(true);
  await expect(slimV1.open('/run/model', files)).rejects.toMatchObject({ code: 'checkpoint/other-format' });
});

it('V1 is not written under the name of a V2 checkpoint, which would hide it', async () => {
  const files = createMemoryFiles(placed('v2.ckpt', '/run/model'));
  await expect(slimV1.write?.('/run/model', [], files)).rejects.toMatchObject({ code: 'checkpoint/bad-prefix' });
});

it('missing shards are named', async () => {
  const v1 = placed('v1_sharded.ckpt', '/run/model');
  v1.delete('/run/model-00001-of-00003');
  await expect(slimV1.open('/run/model', createMemoryFiles(v1))).rejects.toMatchObject({
    code: 'checkpoint/incomplete',
    message: expect.stringContaining('model-00001-of-00003'),
  });
  const v2 = placed('v2_sharded.ckpt', '/run/model');
  v2.delete('/run/model.data-00002-of-00003');
  const reader = await slimV2.open('/run/model', createMemoryFiles(v2));
  await expect(manifestOf(reader)).rejects.toMatchObject({
    code: 'checkpoint/file-access',
    message: expect.stringContaining('model.data-00002-of-00003'),
  });
});

it('shards of two checkpoints under one prefix are told apart by naming one', async () => {
  const files = createMemoryFiles([
    ...placed('v1_sharded.ckpt', '/run/m'),
    ...placed('v1.ckpt', '/run/m-00000-of-00001'),
  ]);
  await expect(slimV1.open('/run/m', files)).rejects.toMatchObject({ code: 'checkpoint/incomplete' });
  for (const path of ['/run/m-00000-of-00001', '/run/m-00002-of-00003']) {
    expect(await slimV1.recognises(path, files)).toBe(true);
  }
});

it.each([
  ['nothing', {}, '/run/model'],
  ['an empty file', { '/run/model': new Uint8Array() }, '/run/model'],
  ['a text', { '/run/model': encode('model_checkpoint_path'.repeat(9)) }, '/run/model'],
  ['a folder without a state file', { '/run/model/x': new Uint8Array(100) }, '/run/model'],
  ['a folder whose file `checkpoint` is another thing', { '/run/checkpoint': new Uint8Array(100) }, '/run'],
  ['a data file without an index', { '/run/model.data-00000-of-00001': new Uint8Array(100) }, '/run/model'],
])('%s is no checkpoint', async (_, contents, path) => {
  const files = createMemoryFiles(Object.entries(contents));
  for (const format of [slimV1, slimV2]) {
    expect(await format.recognises(path, files)).toBe(false);
    await expect(format.open(path, files)).rejects.toMatchObject({ code: expect.stringMatching(/^checkpoint\//) });
  }
});

it('a V1 file that was cut short is known for one, and refused for what it is', async () => {
  const whole = placed('v1.ckpt', '/run/model.ckpt').get('/run/model.ckpt') as Uint8Array;
  for (const length of [8, 1000, whole.length - 1]) {
    const files = createMemoryFiles([['/run/model.ckpt', whole.subarray(0, length)]]);
    expect(await slimV1.recognises('/run/model.ckpt', files)).toBe(true);
    await expect(slimV1.open('/run/model.ckpt', files)).rejects.toMatchObject({
      code: expect.stringMatching(/^checkpoint\/(damaged|truncated|bad-table)/),
    });
  }
});
