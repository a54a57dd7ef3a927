import { mkdtemp, open, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CHECKPOINT_FORMAT, createContainer, createMemoryFiles, resolve } from '@graftjs/core';
import { nodeFileSystem as files } from '@graftjs/core/node';
import { recordReads } from '@graftjs/core/testing';
import { afterAll, describe, expect, it } from 'vitest';
import {
  attribute,
  bytes,
  external,
  float,
  floatInitializer,
  floats,
  initializer,
  input,
  int64s,
  integer,
  message,
  model,
  node,
  packed,
  tensorFields,
} from '../test/protobuf.js';
import plugin, { onnx } from './index.js';

const folder = await mkdtemp(join(tmpdir(), 'graft-onnx-'));
afterAll(() => rm(folder, { recursive: true, force: true }));
const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));

const opened = (file: Uint8Array, others: Readonly<Record<string, Uint8Array>> = {}) =>
  onnx.open('a/model.onnx', createMemoryFiles(Object.entries({ 'a/model.onnx': file, ...others })));

it('the plugin brings the format', () => {
  expect(resolve(createContainer([plugin]), CHECKPOINT_FORMAT, 'onnx')).toBe(onnx);
});

describe('a file is recognised', () => {
  it.each(['pytorch_plain_script.onnx', 'pytorch_residual_dynamo.onnx', 'keras_plain.onnx'])(
    '%s by what it begins with',
    async (name) => {
      const bytes = await readFile(fixture(name));
      const recognises = (content: Uint8Array) =>
        onnx.recognises('model.bin', createMemoryFiles([['model.bin', content]]));
      expect(await recognises(bytes)).toBe(true);
      expect(await recognises(bytes.subarray(0, 1000))).toBe(false);
      expect(await recognises(Buffer.concat([Buffer.from([0x10]), bytes]))).toBe(false);
    },
  );
  it('by its name, whatever is in it', async () => {
    expect(await onnx.recognises('model.onnx', createMemoryFiles([['model.onnx', new Uint8Array(0)]]))).toBe(true);
    expect(await onnx.recognises('model.onnx', createMemoryFiles())).toBe(false);
  });
});

describe('values are read in each form that they may have', () => {
  const half = [0x3c00, 0xc000, 0x7bff, 0x0001];
  const large = [-1n, 2n ** 40n + 3n, -(2n ** 63n), 2n ** 63n - 1n];
  const bytesOf = (array: ArrayBufferView) => Buffer.from(array.buffer as ArrayBuffer);
  it.each<[string, number, Uint8Array, string, Uint8Array]>([
    ['raw', 1, bytes(9, floats([1, 2, 3, 4])), 'float32', floats([1, 2, 3, 4])],
    ['float_data', 1, bytes(4, floats([1, 2, 3, 4])), 'float32', floats([1, 2, 3, 4])],
    [
      'float_data that is not packed, or in parts',
      1,
      Buffer.concat([float(4, 1), bytes(4, floats([2, 3])), float(4, 4)]),
      'float32',
      floats([1, 2, 3, 4]),
    ],
    ['int32_data', 6, packed(5, [1, -2, 3, 2 ** 31 - 1]), 'int32', bytesOf(Int32Array.of(1, -2, 3, 2 ** 31 - 1))],
    ['int32_data of small numbers', 3, packed(5, [1, -2, 127, -128]), 'int8', bytesOf(Int8Array.of(1, -2, 127, -128))],
    ['int32_data of halves', 10, packed(5, half), 'float16', bytesOf(Uint16Array.from(half))],
    ['int32_data of brain floats', 16, packed(5, half), 'bfloat16', bytesOf(Uint16Array.from(half))],
    [
      'int32_data that is not packed',
      9,
      Buffer.concat([1, 0, 0, 1].map((bit) => integer(5, bit))),
      'bool',
      Buffer.from([1, 0, 0, 1]),
    ],
    ['int64_data', 7, packed(7, large), 'int64', bytesOf(BigInt64Array.from(large))],
    [
      'uint64_data',
      13,
      packed(11, [1, 2n ** 64n - 1n, 5, 6]),
      'uint64',
      bytesOf(BigUint64Array.of(1n, 2n ** 64n - 1n, 5n, 6n)),
    ],
    [
      'uint64_data of shorter ones',
      12,
      packed(11, [1, 2 ** 32 - 1, 5, 6]),
      'uint32',
      bytesOf(Uint32Array.of(1, 2 ** 32 - 1, 5, 6)),
    ],
    [
      'double_data',
      11,
      bytes(10, bytesOf(Float64Array.of(1, 2, 3, 4))),
      'float64',
      bytesOf(Float64Array.of(1, 2, 3, 4)),
    ],
    [
      'raw complex numbers',
      14,
      bytes(9, floats([1, 2, 3, 4, 5, 6, 7, 8])),
      'complex64',
      floats([1, 2, 3, 4, 5, 6, 7, 8]),
    ],
  ])('%s', async (_, type, values, dtype, expected) => {
    const reader = await opened(model(initializer(tensorFields('t', type, [2, 2]), values)));
    expect([...reader.tensors.values()]).toEqual([{ name: 't', dtype, shape: [2, 2] }]);
    expect(Buffer.from(await reader.read('t'))).toEqual(expected);
    for (const [start, end] of [
      [expected.length - 1, expected.length],
      [1, expected.length - 1],
      [expected.length >> 1, expected.length],
    ] as const) {
      const part = Buffer.alloc(end - start);
      await reader.readPart!('t', start, part);
      expect(part).toEqual(expected.subarray(start, end));
    }
  });

  it('many numbers of any length', async () => {
    const values = Array.from({ length: 100_000 }, (_, index) => (index * 7919) % 2 ** (index % 31));
    const reader = await opened(model(initializer(tensorFields('t', 6, [values.length]), packed(5, values))));
    const found = new Int32Array(new Uint8Array(await reader.read('t')).buffer);
    expect(Array.from(found)).toEqual(values);
    const part = new Int32Array(1000);
    for (const first of [70_000, 71_000, 5]) {
      await reader.readPart!('t', 4 * first, new Uint8Array(part.buffer));
      expect(Array.from(part)).toEqual(values.slice(first, first + 1000));
    }
  });

  it('texts', async () => {
    const reader = await opened(model(initializer(tensorFields('t', 8, [2]), bytes(6, 'one'), bytes(6, ''))));
    expect((await reader.readStrings('t')).map((text) => Buffer.from(text).toString())).toEqual(['one', '']);
    await expect(reader.read('t')).rejects.toMatchObject({ code: 'checkpoint/string-variable' });
  });

  it('of Constant nodes, by the name of what they give', async () => {
    const value = message(5, tensorFields('inside', 1, [2]), bytes(9, floats([1, 2])));
    const reader = await opened(model(node('Constant', [], 'outside', attribute('value', value))));
    expect([...reader.tensors.keys()]).toEqual(['outside']);
    expect(Buffer.from(await reader.read('outside'))).toEqual(floats([1, 2]));
  });

  it('but of types that Graft does not have, which are named when they are read', async () => {
    const reader = await opened(
      model(initializer(tensorFields('t', 17, [4]), bytes(9, 'abcd')), floatInitializer('u', [1], [1])),
    );
    expect([...reader.tensors.keys()]).toEqual(['u']);
    await expect(reader.read('t')).rejects.toMatchObject({
      code: 'checkpoint/unsupported-type',
      details: { name: 't', type: 'number 17' },
    });
  });
});

it('the file’s metadata', async () => {
  const entry = (key: string, value: string) => message(14, bytes(1, key), bytes(2, value));
  const reader = await opened(Buffer.concat([model(), entry('licence', 'MIT'), entry('classes', 'a,b')]));
  expect(Object.fromEntries(reader.metadata!)).toEqual({ licence: 'MIT', classes: 'a,b' });
});

it('inputs that initializers give a value, as files of old versions list them, are none', async () => {
  const file = model(input('w'), input('x'), floatInitializer('w', [1], [1]), node('Relu', ['x'], 'y'));
  expect([...(await opened(file)).tensors.keys()]).toEqual(['w']);
});

describe('external data', () => {
  const entries = { location: 'model.data', offset: '4', length: '8' };
  const file = (own: Readonly<Record<string, string>> = entries, ...fields: Uint8Array[]) =>
    model(initializer(tensorFields('t', 1, [2]), external(own)), ...fields);
  const data = floats([0, 1, 2]);
  const withData = (content: Uint8Array) => opened(content, { 'a/model.data': data });
  const another = (own: Readonly<Record<string, string>>) => initializer(tensorFields('u', 1, [2]), external(own));

  it.each([
    ['by offset and length', entries],
    ['by its shape alone', { location: 'model.data', offset: '4' }],
  ])('is read %s', async (_, own) => {
    const reader = await withData(file(own));
    expect(Buffer.from(await reader.read('t'))).toEqual(floats([1, 2]));
    const part = Buffer.alloc(4);
    await reader.readPart!('t', 4, part);
    expect(part).toEqual(floats([2]));
    await reader.close();
  });

  it('may be of two tensors, where it is the same', async () => {
    expect(Buffer.from(await (await withData(file(entries, another(entries)))).read('u'))).toEqual(floats([1, 2]));
  });

  it.each<[string, Uint8Array]>([
    ['an offset that is negative', file({ ...entries, offset: '-4' })],
    ['an offset that is no number', file({ ...entries, offset: '0x4' })],
    ['a length of another shape', file({ ...entries, length: '4' })],
    ['an end beyond the file', file({ ...entries, offset: '8' })],
    ['an offset beyond everything', file({ ...entries, offset: '9999999999999999' })],
    ['a part in common with another', file(entries, another({ ...entries, offset: '0' }))],
    ['an entry twice', model(initializer(tensorFields('t', 1, [2]), external(entries), external(entries)))],
    ['values of its own', model(initializer(tensorFields('t', 1, [2]), external(entries), bytes(9, floats([1, 2]))))],
    ['texts', model(initializer(tensorFields('t', 8, [2]), external(entries)))],
    ['a shape that cannot be', model(initializer(tensorFields('t', 1, [2 ** 40, 2 ** 40]), external(entries)))],
  ])('is refused with %s', async (_, content) => {
    await expect(withData(content)).rejects.toMatchObject({ code: 'checkpoint/damaged' });
  });

  it.each([
    '',
    '/etc/passwd',
    '../b/model.data',
    'x/../../b',
    'C:\\model.data',
    '..\\b',
    '\\\\host\\b',
    'a\0',
    'x//y',
    'gone',
  ])('is refused in %j', async (location) => {
    await expect(withData(file({ ...entries, location }))).rejects.toMatchObject({
      code: 'checkpoint/external-data',
      details: { location },
    });
  });

  it('is refused where a link leads out of the folder, and read where it does not', async () => {
    const [inside, outside] = [join(folder, 'inside'), join(folder, 'outside')];
    await files.makeFolder(inside);
    await files.makeFolder(outside);
    await writeFile(join(outside, 'data'), data);
    await writeFile(join(inside, 'data'), data);
    await symlink('data', join(inside, 'model.data'));
    await writeFile(join(inside, 'model.onnx'), file());
    const reader = await onnx.open(join(inside, 'model.onnx'), files);
    expect(Buffer.from(await reader.read('t'))).toEqual(floats([1, 2]));
    await reader.close();
    await rm(join(inside, 'model.data'));
    await symlink('../outside/data', join(inside, 'model.data'));
    await expect(onnx.open(join(inside, 'model.onnx'), files)).rejects.toMatchObject({
      code: 'checkpoint/external-data',
      message: expect.stringContaining('link'),
    });
    // As caches of downloads have it: both are links into a folder of files by their hashes.
    await writeFile(join(outside, 'hash'), file());
    await rm(join(inside, 'model.onnx'));
    await symlink('../outside/hash', join(inside, 'model.onnx'));
    const cached = await onnx.open(join(inside, 'model.onnx'), files);
    expect(Buffer.from(await cached.read('t'))).toEqual(floats([1, 2]));
    await cached.close();
  });

  it('counts to the files of a checkpoint', async () => {
    const path = fixture('pytorch_plain_dynamo_external.onnx');
    expect(await onnx.filesOf(path, files)).toEqual([path, `${path}.data`]);
    expect(await onnx.filesOf(fixture('pytorch_plain_dynamo.onnx'), files)).toHaveLength(1);
  });
});

describe('files of more than two gigabytes', () => {
  const beyond = 2 ** 31 + 2 ** 20;
  const tail = floatInitializer('tail', [2], [5, 6]);
  /** A file that begins and ends so, and has zeros between, which take no room on disk. */
  async function sparse(path: string, start: Uint8Array, length: number, end: Uint8Array): Promise<void> {
    const handle = await open(path, 'w');
    await handle.write(start, 0, start.length, 0);
    await handle.write(end, 0, end.length, start.length + length);
    await handle.close();
  }

  it('are read, in one piece', async () => {
    const path = join(folder, 'large.onnx');
    const fields = tensorFields('large', 1, [beyond / 4]);
    const raw = bytes(9, new Uint8Array(0), beyond);
    const large = bytes(5, Buffer.concat([fields, raw]), fields.length + raw.length + beyond);
    const start = Buffer.concat([integer(1, 8), bytes(7, large, large.length + beyond + tail.length)]);
    await sparse(path, start, beyond, tail);
    const reader = await onnx.open(path, files);
    expect(Buffer.from(await reader.read('tail'))).toEqual(floats([5, 6]));
    const last = Buffer.alloc(8, 1);
    await reader.readPart!('large', beyond - 8, last);
    expect(last).toEqual(Buffer.alloc(8));
    await reader.close();
  });

  it('are read as external data', async () => {
    const path = join(folder, 'far.onnx');
    await sparse(join(folder, 'far.data'), new Uint8Array(0), beyond, floats([7, 8]));
    const entries = { location: 'far.data', offset: String(beyond), length: '8' };
    await writeFile(path, model(initializer(tensorFields('t', 1, [2]), external(entries))));
    const reader = await onnx.open(path, files);
    expect(Buffer.from(await reader.read('t'))).toEqual(floats([7, 8]));
    await reader.close();
  });
});

it('opening reads the structure and none of the weights', async () => {
  const weights = new Array<number>(1_000_000).fill(1);
  const file = model(
    floatInitializer('w', [1000, 1000], weights),
    floatInitializer('v', [1000, 1000], weights),
    initializer(tensorFields('shape', 7, [2]), bytes(9, int64s([1, 2]))),
  );
  const { files: recorded, reads } = recordReads(createMemoryFiles([['model.onnx', file]]));
  await onnx.open('model.onnx', recorded);
  expect(reads.reduce((sum, { into }) => sum + into.length, 0)).toBeLessThan(5 * 65536);
});
