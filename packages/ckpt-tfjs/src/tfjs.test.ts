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
  dtypeBytes,
  resolve,
  type TensorSource,
} from '@graftjs/core';
import { nodeFileSystem as files } from '@graftjs/core/node';
import { checkpointFormatContract } from '@graftjs/core/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import plugin, { tfjs } from './index.js';

const fixtures = fileURLToPath(new URL('../fixtures', import.meta.url));
const folder = await mkdtemp(join(tmpdir(), 'graft-tfjs-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

const has: readonly DType[] = ['float32', 'int32', 'bool', 'string', 'complex64'];
const lacks = (Object.keys(dtypeBytes) as DType[]).filter((dtype) => dtype !== 'int64' && !has.includes(dtype));
const manifestEnding = '.manifest.json';
const written = (await readdir(fixtures))
  .filter((name) => name.endsWith(manifestEnding))
  .map((name) => name.slice(0, -manifestEnding.length));

async function listed(reader: CheckpointReader): Promise<unknown[]> {
  const tensors = [];
  for (const { name, dtype, shape } of reader.tensors.values()) {
    if (dtype === 'string') {
      const strings = (await reader.readStrings(name)).map((bytes) => Buffer.from(bytes).toString('latin1'));
      tensors.push({ name, dtype, shape, strings });
      continue;
    }
    const sha256 = createHash('sha256')
      .update(await reader.read(name))
      .digest('hex');
    tensors.push({ name, dtype, shape, sha256 });
  }
  return tensors;
}

const sourcesOf = (reader: CheckpointReader): TensorSource[] =>
  [...reader.tensors.values()].map((tensor) => ({
    ...tensor,
    read: () => (tensor.dtype === 'string' ? reader.readStrings(tensor.name) : reader.read(tensor.name)),
  }));

it('the plugin brings the format', () => {
  expect(resolve(createContainer([plugin]), CHECKPOINT_FORMAT, 'tfjs')).toBe(tfjs);
});

describe('the contract of checkpoint formats', () => {
  const own = join(folder, 'contract');
  beforeAll(() => files.makeFolder(own));
  for (const { name, run } of checkpointFormatContract(tfjs, files, own, { lacks })) it(name, run);
});

describe.each(written)('%s, written by tensorflowjs_converter', (name) => {
  const path = join(fixtures, name, 'model.json');
  let reader: CheckpointReader;
  beforeAll(async () => {
    reader = await tfjs.open(path, files);
    return () => reader.close();
  });

  it('has the tensors, types, shapes, values and strings that its own reader finds', async () => {
    const manifest: { name: string }[] = JSON.parse(await readFile(join(fixtures, name + manifestEnding), 'utf8'));
    expect(await listed(reader)).toEqual(manifest.sort((a, b) => (a.name < b.name ? -1 : 1)));
  });

  it('is recognised by its name or by how it begins, and is all of its folder', async () => {
    expect(await tfjs.recognises(path, files)).toBe(true);
    const other = join(folder, `${name}.json`);
    await files.write(other, [await readFile(path)]);
    expect(await tfjs.recognises(other, files)).toBe(true);
    const all = (await readdir(join(fixtures, name))).map((file) => join(fixtures, name, file));
    expect((await tfjs.filesOf(path, files)).sort()).toEqual(all.sort());
  });

  it('gives any part of a tensor, and none that is not there', async () => {
    for (const { name: tensor, dtype } of reader.tensors.values()) {
      if (dtype === 'string') continue;
      const whole = await reader.read(tensor);
      for (const [start, end] of [
        [0, whole.length],
        [whole.length >> 1, whole.length],
        [whole.length >> 2, (whole.length >> 1) + 1],
        [whole.length - 1, whole.length],
      ] as const) {
        if (start < 0 || end > whole.length) continue;
        const part = new Uint8Array(end - start);
        await reader.readPart!(tensor, start, part);
        expect(part).toEqual(whole.slice(start, end));
      }
      for (const start of [-1, 1]) {
        const beyond = reader.readPart!(tensor, start, new Uint8Array(whole.length));
        await expect(beyond).rejects.toMatchObject({ code: 'checkpoint/no-such-part' });
      }
    }
  });

  it('written again is read as the same', async () => {
    const to = join(folder, `again-${name}`, 'model.json');
    await files.makeFolder(join(folder, `again-${name}`));
    await tfjs.write!(to, sourcesOf(reader), files);
    const again = await tfjs.open(to, files);
    expect(await listed(again)).toEqual(await listed(reader));
  });
});

it('strings and numbers are read each in their own way', async () => {
  const reader = await tfjs.open(join(fixtures, 'types/model.json'), files);
  await expect(reader.read('types/string')).rejects.toMatchObject({ code: 'checkpoint/string-variable' });
  await expect(reader.readStrings('scalar')).rejects.toMatchObject({ code: 'checkpoint/no-string-variable' });
});

it('metadata of the model are kept, texts as they are and other values as JSON', async () => {
  const path = join(folder, 'metadata.json');
  const model = { weightsManifest: [], userDefinedMetadata: { text: 'two\nlines', list: [1, { a: null }] } };
  await files.write(path, [new TextEncoder().encode(JSON.stringify(model))]);
  const reader = await tfjs.open(path, files);
  expect([...reader.metadata!]).toEqual([
    ['text', 'two\nlines'],
    ['list', '[1,{"a":null}]'],
  ]);
  await tfjs.write!(path, [], files, reader);
  expect([...(await tfjs.open(path, files)).metadata!]).toEqual([...reader.metadata!]);
});

describe('a model that is written', () => {
  const values = (length: number, factor: number) => Uint8Array.from({ length }, (_, index) => index * factor);
  const tensor = (name: string, bytes: Uint8Array): TensorSource => ({
    name,
    dtype: 'bool',
    shape: [bytes.length],
    read: () => bytes,
  });
  const own = async (name: string) => {
    const path = join(folder, name, 'model.json');
    await files.makeFolder(join(folder, name));
    return path;
  };
  const bytesIn = async (path: string, name: string) => (await tfjs.open(path, files)).read(name);

  it('is cut into shards of 4 MB, wherever tensors end', async () => {
    const path = await own('cut');
    const tensors = [3, 5 << 20, 4 << 20, 7].map((length, index) => tensor(`${index}`, values(length, index + 3)));
    await tfjs.write!(path, tensors, files);
    const [, ...shards] = await tfjs.filesOf(path, files);
    expect(shards.map((shard) => shard.slice(join(folder, 'cut/').length))).toEqual(
      [1, 2, 3].map((shard) => `group1-shard${shard}of3.bin`),
    );
    const sizes = await Promise.all(shards.map(async (shard) => (await files.stat(shard))!.size));
    expect(sizes).toEqual([1 << 22, 1 << 22, (1 << 20) + 10]);
    for (const { name, read } of tensors)
      expect(Buffer.compare(await bytesIn(path, name), read() as Uint8Array)).toBe(0);
  });

  it('takes the place of another at once: one that fails half way leaves it, one that is done leaves nothing of it', async () => {
    const path = await own('replaced');
    const [first, second] = [values(5 << 20, 5), values(5 << 20, 7)];
    await tfjs.write!(path, [tensor('a', first)], files);
    const failing: TensorSource = {
      ...tensor('b', second),
      read: () => {
        throw new Error('the source is gone');
      },
    };
    const before = await readdir(join(folder, 'replaced'));
    const failed = tfjs.write!(path, [tensor('a', second), failing], files);
    await expect(failed).rejects.toMatchObject({ code: 'checkpoint/source-failed' });
    expect(await readdir(join(folder, 'replaced'))).toEqual(before);
    expect(Buffer.compare(await bytesIn(path, 'a'), first)).toBe(0);
    await tfjs.write!(path, [tensor('a', second)], files);
    expect(Buffer.compare(await bytesIn(path, 'a'), second)).toBe(0);
    expect((await readdir(join(folder, 'replaced'))).sort()).toEqual(
      ['group2-shard1of2.bin', 'group2-shard2of2.bin', 'model.json'].sort(),
    );
  });

  it('leaves others in its folder alone', async () => {
    const path = await own('beside');
    const other = join(folder, 'beside', 'other.json');
    await tfjs.write!(path, [tensor('a', values(9, 5))], files);
    await tfjs.write!(other, [tensor('a', values(9, 7))], files);
    expect(await bytesIn(path, 'a')).toEqual(values(9, 5));
    expect(await bytesIn(other, 'a')).toEqual(values(9, 7));
  });

  it.each<[string, string, TensorSource[]]>([
    ['a name twice', 'checkpoint/bad-name', [tensor('a', values(1, 1)), tensor('a', values(1, 1))]],
    ['a negative size', 'checkpoint/bad-shape', [{ ...tensor('a', values(1, 1)), shape: [-1] }]],
    ['a size that overflows', 'checkpoint/bad-shape', [{ ...tensor('a', values(1, 1)), shape: [2 ** 30, 2 ** 30] }]],
    ['too few bytes', 'checkpoint/source-size', [{ ...tensor('a', values(1, 1)), shape: [2] }]],
  ])('is refused with %s, and nothing is left', async (what, code, tensors) => {
    const path = await own(what);
    await expect(tfjs.write!(path, tensors, files)).rejects.toMatchObject({ code });
    expect(await readdir(join(folder, what))).toEqual([]);
  });

  it('has int64 as int32, where they fit', async () => {
    const path = await own('int64');
    const source = (...values: bigint[]): TensorSource => ({
      name: 'global_step',
      dtype: 'int64',
      shape: [values.length],
      read: () => new Uint8Array(BigInt64Array.from(values).buffer),
    });
    const [least, most] = [-(2n ** 31n), 2n ** 31n - 1n];
    await tfjs.write!(path, [source(least, -1n, 7n, most)], files);
    const reader = await tfjs.open(path, files);
    expect(reader.tensors.get('global_step')).toMatchObject({ dtype: 'int32', shape: [4] });
    const found = new Int32Array((await reader.read('global_step')).buffer);
    expect([...found]).toEqual([Number(least), -1, 7, Number(most)]);
    for (const value of [least - 1n, most + 1n, 2n ** 62n]) {
      const refused = tfjs.write!(path, [source(value)], files);
      await expect(refused).rejects.toMatchObject({ code: 'checkpoint/out-of-range' });
    }
  });

  it('is a file in a folder, and no folder', async () => {
    const path = await own('a folder');
    const refused = tfjs.write!(join(path, '..'), [], files);
    await expect(refused).rejects.toMatchObject({
      code: 'checkpoint/bad-path',
      message: expect.stringContaining('a folder/model.json'),
    });
  });
});
