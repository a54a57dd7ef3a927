import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import {
  CHECKPOINT_FORMAT,
  type CheckpointFormat,
  createContainer,
  createMemoryFiles,
  EngineError,
  registry,
  type TensorSource,
} from '@graftjs/core';
import { nodeFileSystem } from '@graftjs/core/node';
import { checkpointFormatContract, recordReads } from '@graftjs/core/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fixture, fixtureFiles } from '../test/fixtures.js';
import plugin, { slimV1, slimV2 } from './index.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(`${tmpdir()}/ckpt-slim-`);
});
afterAll(() => rm(folder, { recursive: true }));

it('the plugin brings both formats', () => {
  const formats = registry(createContainer([plugin]), CHECKPOINT_FORMAT);
  expect([...formats.keys()]).toEqual(['slim-v1', 'slim-v2']);
});

for (const format of [slimV1, slimV2]) {
  describe(`${format.name}, the contract`, () => {
    const files = createMemoryFiles();
    beforeAll(() => files.makeFolder('/contract'));
    for (const { name, run } of checkpointFormatContract(format, files, '/contract')) it(name, run);
  });
}

const largeBytes = 6 << 20;
const large = Uint8Array.from({ length: largeBytes }, (_, index) => (index * 2654435761) >>> 13);

function source(
  name: string,
  dtype: TensorSource['dtype'],
  shape: number[],
  value: Uint8Array | Uint8Array[],
): TensorSource {
  return { name, dtype, shape, read: () => value };
}

describe.each([slimV1, slimV2])('$name', (format) => {
  const path = '/run/model';
  const small = Uint8Array.of(0, 0, 128, 63, 0, 0, 0, 192);
  const write = async (tensors: TensorSource[]) => {
    const files = createMemoryFiles();
    await files.makeFolder('/run');
    await format.write?.(path, tensors, files);
    return files;
  };
  const threeTensors = () =>
    write([
      source('b/large', 'float32', [largeBytes / 4], large),
      source('a/small', 'float32', [2], small),
      source('c/small', 'float32', [1, 2], small),
    ]);

  it('reads little when it opens, and of a variable only what it needs', async () => {
    const { files, reads } = recordReads(await threeTensors());
    const total = () => reads.splice(0).reduce((sum, { into }) => sum + into.length, 0);
    const reader = await format.open(path, files);
    expect(total()).toBeLessThan(2000);
    expect(await reader.read('c/small')).toEqual(small);
    expect(total()).toBeLessThan(1000);
    await reader.read('b/large');
    expect(total()).toBeLessThan(largeBytes + 1000);
    await reader.close();
  });

  it('brings a large variable straight to its place', async () => {
    const { files, reads } = recordReads(await threeTensors());
    const reader = await format.open(path, files);
    const memory = new Uint8Array(largeBytes + 3);
    const into = memory.subarray(3);
    expect(await reader.read('b/large', into)).toBe(into);
    expect(Buffer.compare(into, large)).toBe(0);
    const direct = reads.filter((read) => read.into.buffer === memory.buffer);
    const indirect = reads.filter((read) => read.into.buffer !== memory.buffer);
    expect(direct.reduce((sum, read) => sum + read.into.length, 0)).toBeGreaterThan(largeBytes - (1 << 19));
    expect(indirect.reduce((sum, read) => sum + read.into.length, 0)).toBeLessThan(1 << 19);
    await reader.close();
  });

  it('asks each source once, one after the other, and keeps no hold of what it gave', async () => {
    const scratch = new Uint8Array(8);
    const asked: string[] = [];
    const tensors = ['z', 'a', 'm'].map(
      (name, index): TensorSource => ({
        name,
        dtype: 'float64',
        shape: [],
        read() {
          asked.push(name);
          return scratch.fill(index);
        },
      }),
    );
    const reader = await format.open(path, await write(tensors));
    expect(asked).toEqual(['a', 'm', 'z']);
    expect((await reader.read('m'))[0]).toBe(2);
    expect((await reader.read('a'))[0]).toBe(1);
  });

  it('reads several variables at once', async () => {
    const reader = await format.open(path, await threeTensors());
    const [a, b, c] = await Promise.all(['a/small', 'b/large', 'c/small'].map((name) => reader.read(name)));
    expect([a, c]).toEqual([small, small]);
    expect(Buffer.compare(b as Uint8Array, large)).toBe(0);
  });

  it('keeps any text as a name, sorted by bytes in the file', async () => {
    const names = ['é', 'z', 'a b/c:0', '\u{1f600}', '\uffee', 'a\0b', '__proto__', 'x'.repeat(70_000)];
    const reader = await format.open(
      path,
      await write(names.map((name) => source(name, 'uint8', [], Uint8Array.of(name.length)))),
    );
    expect([...reader.tensors.keys()]).toEqual([...names].sort());
    for (const name of names) expect(await reader.read(name)).toEqual(Uint8Array.of(name.length & 255));
  });

  it('keeps the extremes of integers and the bits of every float', async () => {
    const integers = new BigInt64Array([
      -(2n ** 63n),
      2n ** 63n - 1n,
      -1n,
      0n,
      127n,
      128n,
      -128n,
      2n ** 53n + 1n,
      2n ** 32n,
      2n ** 35n - 1n,
    ]);
    const floats = Uint8Array.of(1, 0, 0x80, 0x7f, 0, 0, 0xc0, 0xff, 0, 0, 0, 0x80, 1, 0, 0, 0);
    const halves = Uint8Array.of(1, 0x7c, 0, 0xfe, 0, 0x80, 1, 0);
    const reader = await format.open(
      path,
      await write([
        source('int64', 'int64', [10], new Uint8Array(integers.buffer)),
        source('float32', 'float32', [4], floats),
        source('float16', 'float16', [4], halves),
      ]),
    );
    expect(new BigInt64Array((await reader.read('int64')).slice().buffer)).toEqual(integers);
    expect(await reader.read('float32')).toEqual(floats);
    expect(await reader.read('float16')).toEqual(halves);
  });

  it('keeps strings of any bytes and length', async () => {
    const strings = [new Uint8Array(), Uint8Array.of(0, 255, 128), large, new TextEncoder().encode('é')];
    const reader = await format.open(
      path,
      await write([source('strings', 'string', [2, 2], strings), source('none', 'string', [0], [])]),
    );
    const read = await reader.readStrings('strings');
    expect(read.length).toBe(4);
    read.forEach((string, index) => {
      expect(Buffer.compare(string, strings[index] as Uint8Array)).toBe(0);
    });
    expect(await reader.readStrings('none')).toEqual([]);
    await expect(reader.read('strings')).rejects.toMatchObject({ code: 'checkpoint/string-variable' });
  });

  it('writes an empty checkpoint', async () => {
    expect((await format.open(path, await write([]))).tensors.size).toBe(0);
  });

  it.each<[string, TensorSource[], string]>([
    ['a name twice', [source('a', 'bool', [], small), source('a', 'bool', [], small)], 'checkpoint/bad-name'],
    ['no name', [source('', 'uint8', [8], small)], 'checkpoint/bad-name'],
    ['half a character as a name', [source('\ud800', 'uint8', [8], small)], 'checkpoint/bad-name'],
    ['a negative size', [source('a', 'uint8', [-8], small)], 'checkpoint/bad-shape'],
    ['a size that is no count', [source('a', 'uint8', [8.5], small)], 'checkpoint/bad-shape'],
    ['a shape beyond all memory', [source('a', 'uint8', [2 ** 40, 2 ** 40], small)], 'checkpoint/bad-shape'],
    ['255 axes', [source('a', 'uint8', new Array(255).fill(1), small)], 'checkpoint/bad-shape'],
    ['too few bytes', [source('a', 'float32', [3], small)], 'checkpoint/source-size'],
    ['bytes for strings', [source('a', 'string', [8], small)], 'checkpoint/source-size'],
    ['strings for bytes', [source('a', 'uint8', [1], [small])], 'checkpoint/source-size'],
    ['too few strings', [source('a', 'string', [3], [small])], 'checkpoint/source-size'],
  ])('refuses to write %s, and leaves what was there', async (_, tensors, code) => {
    const files = await write([source('before', 'uint8', [8], small)]);
    await expect(format.write?.(path, tensors, files)).rejects.toMatchObject({ code });
    expect(await (await format.open(path, files)).read('before')).toEqual(small);
  });

  it.each(['', '/run/', '/run', '/run/model.index', '/run/model-00000-of-00001', '/run/model.data-00000-of-00001'])(
    'refuses the prefix %j',
    async (prefix) => {
      const files = await write([]);
      await expect(format.write?.(prefix, [], files)).rejects.toMatchObject({ code: 'checkpoint/bad-prefix' });
    },
  );

  it('says which source failed, and passes on an error of Graft as it is', async () => {
    const failing = (error: Error): TensorSource => ({
      name: 'a',
      dtype: 'uint8',
      shape: [],
      read: () => Promise.reject(error),
    });
    const error = new RangeError('no such weights');
    await expect(write([failing(error)])).rejects.toMatchObject({ code: 'checkpoint/source-failed', cause: error });
    const own = new EngineError('engine/gone', 'The session is closed.');
    await expect(write([failing(own)])).rejects.toBe(own);
  });

  it('refuses names that are not there, strings of numbers, and a place of another size', async () => {
    const reader = await format.open(path, await write([source('a', 'uint8', [8], small)]));
    await expect(reader.read('b')).rejects.toMatchObject({ code: 'checkpoint/unknown-variable' });
    await expect(reader.readStrings('a')).rejects.toMatchObject({ code: 'checkpoint/no-string-variable' });
    await expect(reader.read('a', new Uint8Array(9))).rejects.toMatchObject({ code: 'checkpoint/destination-size' });
  });
});

describe('TensorFlow has no V1 form', () => {
  it.each(['bfloat16', 'uint32', 'uint64', 'qint16', 'quint16'] as const)('of %s, and it is refused', async (dtype) => {
    const writing = slimV1.write?.('/run/model', [source('a', dtype, [0], new Uint8Array())], createMemoryFiles());
    await expect(writing).rejects.toMatchObject({ code: 'checkpoint/unsupported-type' });
  });

  it.each([
    ['float32', 2 ** 29],
    ['int64', 2 ** 28],
  ] as const)('of more than two gigabytes of %s, which is refused before it is read', async (dtype, count) => {
    const tooLarge: TensorSource = {
      name: 'a',
      dtype,
      shape: [count],
      read: () => Promise.reject(new Error('it was read')),
    };
    const writing = slimV1.write?.('/run/model', [tooLarge], createMemoryFiles());
    await expect(writing).rejects.toMatchObject({ code: 'checkpoint/too-large' });
  });
});

it.each([
  ['v1_types.ckpt', slimV1],
  ['v2_types.ckpt', slimV2],
] as const)('on disk, %s is replaced atomically', async (name, format: CheckpointFormat) => {
  const { prefix } = fixture(name);
  const path = `${folder}/${name}`;
  for (const file of fixtureFiles(fixture(name)).keys()) {
    const bytes = fixtureFiles(fixture(name)).get(file) as Uint8Array;
    await nodeFileSystem.write(file.replace(prefix, path), [bytes]);
  }
  const failing: TensorSource = {
    name: 'z',
    dtype: 'uint8',
    shape: [],
    read: () => Promise.reject(new Error('power cut')),
  };
  const first = source('a', 'float32', [largeBytes / 4], large);
  await expect(format.write?.(path, [first, failing], nodeFileSystem)).rejects.toThrow('power cut');
  const reader = await format.open(path, nodeFileSystem);
  for (const { name: variable, dtype } of reader.tensors.values()) if (dtype !== 'string') await reader.read(variable);
  await reader.close();
  expect((await nodeFileSystem.list(folder)).filter((file) => file.includes('tmp'))).toEqual([]);
});
