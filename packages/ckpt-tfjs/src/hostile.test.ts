import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type CheckpointError, createMemoryFiles, type FileSystem } from '@graftjs/core';
import { nodeFileSystem as files } from '@graftjs/core/node';
import { changeBytes, changeJson, formulaRandom, readingOutcome, readTensors } from '@graftjs/core/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tfjs } from './tfjs.js';

const fixtures = fileURLToPath(new URL('../fixtures', import.meta.url));
const path = '/m/model.json';
const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

/** Bytes of all that is read, or the code of the error. */
const outcome = (from: FileSystem, what: string) =>
  readingOutcome(async () => readTensors(await tfjs.open(path, from)), what);

/** A model of one group with a file of so many bytes. */
const modelOf = (weights: readonly unknown[], bytes = 8, paths: readonly unknown[] = ['a.bin']) =>
  createMemoryFiles([
    [path, encode({ weightsManifest: [{ paths, weights }] })],
    ['/m/a.bin', new Uint8Array(bytes)],
  ]);
const weight = (changes: Readonly<Record<string, unknown>> = {}) => ({
  name: 'a',
  shape: [2],
  dtype: 'float32',
  ...changes,
});

describe('a manifest that cannot be is refused', () => {
  it('and one that can is read', async () => {
    expect(await outcome(modelOf([weight()]), 'one tensor')).toBe(8);
  });

  it.each<[string, readonly unknown[], number?]>([
    ['a type that the format does not have', [weight({ dtype: 'float64' })]],
    ['a type of another kind', [weight({ dtype: 1 })]],
    ['a name of another kind', [weight({ name: null })]],
    ['a name twice', [weight({ shape: [1] }), weight({ shape: [1] })]],
    ['no shape', [weight({ shape: undefined })]],
    ['a shape of text', [weight({ shape: '2' })]],
    ['a negative size', [weight({ shape: [-2] })]],
    ['two negative sizes', [weight({ shape: [-1, -2] })]],
    ['a size that is no whole number', [weight({ shape: [0.5, 4] })]],
    ['a size that is unknown', [weight({ shape: [null, 2] })]],
    ['a shape that overflows', [weight({ shape: [2 ** 30, 2 ** 30] })]],
    ['a shape of zero times too much', [weight({ shape: [0, 2 ** 60] }), weight({ name: 'b' })]],
    ['too many axes', [weight({ shape: new Array(300).fill(1) })]],
    ['more bytes than there are', [weight({ shape: [3] })]],
    ['far more bytes than there are', [weight({ shape: [2 ** 40] })]],
    ['fewer bytes than there are', [weight({ shape: [1] })]],
    ['strings for which there is no room', [weight({ dtype: 'string', shape: [3] })]],
    ['very many strings', [weight({ dtype: 'string', shape: [2 ** 50] })]],
    ['quantization that the format does not have', [weight({ quantization: { dtype: 'uint4', scale: 1, min: 0 } })]],
    ['quantization without a scale', [weight({ shape: [8], quantization: { dtype: 'uint8', min: 0 } })]],
    ['quantization by text', [weight({ shape: [8], quantization: { dtype: 'uint8', scale: '1', min: 0 } })]],
    ['quantized truth', [weight({ shape: [8], dtype: 'bool', quantization: { dtype: 'uint8', scale: 1, min: 0 } })]],
    ['quantized strings', [weight({ shape: [4], dtype: 'string', quantization: { dtype: 'float16' } })]],
    ['whole numbers as float16', [weight({ shape: [4], dtype: 'int32', quantization: { dtype: 'float16' } })]],
    ['a tensor that is none', [null]],
  ])('%s', async (what, weights) => {
    expect(await outcome(modelOf(weights), what)).toBe('checkpoint/damaged');
  });

  it('strings that end beyond the file', async () => {
    const bytes = new Uint8Array(8).fill(1);
    const model = encode({
      weightsManifest: [{ paths: ['a.bin'], weights: [weight({ dtype: 'string', shape: [1] })] }],
    });
    const found = createMemoryFiles([
      [path, model],
      ['/m/a.bin', bytes],
    ]);
    expect(await outcome(found, 'a long string')).toBe('checkpoint/damaged');
  });

  it.each<[string, unknown]>([
    ['null', null],
    ['a list', []],
    ['nothing', {}],
    ['no groups', { weightsManifest: {} }],
    ['a group of null', { weightsManifest: [null] }],
    ['a group without files', { weightsManifest: [{ weights: [] }] }],
    ['a group without weights', { weightsManifest: [{ paths: [] }] }],
    ['metadata of text', { weightsManifest: [], userDefinedMetadata: 'a' }],
    [
      'a file in two groups',
      { weightsManifest: [1, 2].map((n) => ({ paths: ['a.bin'], weights: [weight({ name: `${n}` })] })) },
    ],
  ])('a model of %s', async (what, model) => {
    const found = createMemoryFiles([
      [path, encode(model)],
      ['/m/a.bin', new Uint8Array(8)],
    ]);
    expect(await outcome(found, what)).toBe('checkpoint/damaged');
  });

  it('text that is no JSON, or too large to be taken', async () => {
    const of = (bytes: Uint8Array) => createMemoryFiles([[path, bytes]]);
    for (const text of ['', '{', '{"weightsManifest": [}', '\xff']) {
      expect(await outcome(of(Buffer.from(text, 'latin1')), text)).toBe('checkpoint/damaged');
    }
    const deep = `${'{"weightsManifest":['.repeat(200_000)}`;
    expect(await outcome(of(Buffer.from(deep)), 'a deep one')).toBe('checkpoint/damaged');
    expect(await outcome(of(Buffer.alloc((1 << 26) + 1, ' ')), 'a large one')).toBe('checkpoint/damaged');
  });
});

describe('files that a manifest may not name', () => {
  it.each([
    '../a.bin',
    'b/../../a.bin',
    '..\\a.bin',
    '/m/a.bin',
    '\\m\\a.bin',
    'C:\\a.bin',
    'C:a.bin',
    'a\0.bin',
    'http://host/a.bin',
    '..',
    '.',
    '',
    './',
    'nowhere.bin',
  ])('%j', async (location) => {
    expect(await outcome(modelOf([weight()], 8, [location]), location)).toBe('checkpoint/external-data');
  });

  it.each([
    ['one twice', ['a.bin', 'a.bin'], [4]],
    ['one twice by another name', ['a.bin', './././a.bin'], [4]],
    ['a number', [1], [2]],
  ])('%s', async (what, paths, shape) => {
    expect(await outcome(modelOf([weight({ shape })], 8, paths), what)).toBe('checkpoint/damaged');
  });

  it('a link out of the folder; in its folder and below there may be some', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'graft-tfjs-links-'));
    try {
      await files.makeFolder(join(folder, 'model/below'));
      await files.write(join(folder, 'secret.bin'), [new Uint8Array(8)]);
      await files.write(join(folder, 'model/below/a.bin'), [new Uint8Array(8)]);
      await symlink(join(folder, 'secret.bin'), join(folder, 'model/out.bin'));
      await symlink('below/a.bin', join(folder, 'model/in.bin'));
      for (const [location, code] of [
        ['out.bin', 'checkpoint/external-data'],
        ['in.bin', undefined],
        ['./below/a.bin', undefined],
      ] as const) {
        const model = join(folder, 'model/model.json');
        await files.write(model, [encode({ weightsManifest: [{ paths: [location], weights: [weight()] }] })]);
        const opened = tfjs.open(model, files).then(
          () => undefined,
          ({ code }: CheckpointError) => code,
        );
        expect(await opened, location).toBe(code);
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

/** The files of a fixture in memory, without its topology, so that most of the damage is done to the rest. */
async function fixtureOf(name: string): Promise<Map<string, Uint8Array>> {
  const contents = new Map<string, Uint8Array>();
  for (const file of await tfjs.filesOf(join(fixtures, name, 'model.json'), files)) {
    const bytes = await readFile(file);
    const { format, weightsManifest } = file.endsWith('.json') ? JSON.parse(bytes.toString()) : {};
    contents.set(
      `/m/${file.slice(join(fixtures, name, '/').length)}`,
      weightsManifest ? Buffer.from(encode({ format, weightsManifest })) : bytes,
    );
  }
  return contents;
}

/** What manifests are made of. */
const words = ['"dtype":"uint8",', '"shape":[],', '"quantization":{},', '"string"', '../', './'];

describe.each(['types', 'quantized'])('%s', (name) => {
  let whole: Map<string, Uint8Array>;
  beforeAll(async () => {
    whole = await fixtureOf(name);
  });
  afterAll(() => whole.clear());

  it('is whole before it is damaged', async () => {
    expect(await outcome(createMemoryFiles(whole), name)).toBeGreaterThan(100);
  });

  it('any file cut short anywhere, longer by a byte or gone, is refused', async () => {
    for (const [file, bytes] of whole) {
      const expected = file === path ? /damaged/ : /damaged|external-data/;
      for (let length = 0; length < bytes.length; length++) {
        const cut = new Map(whole).set(file, bytes.subarray(0, length));
        expect(await outcome(createMemoryFiles(cut), `${file} cut to ${length}`), `${file} ${length}`).toMatch(
          expected,
        );
      }
      if (file === path) continue;
      const longer = new Map(whole).set(file, Buffer.concat([bytes, Buffer.alloc(1)]));
      expect(await outcome(createMemoryFiles(longer), `${file} longer`)).toBe('checkpoint/damaged');
      const without = new Map(whole);
      without.delete(file);
      expect(await outcome(createMemoryFiles(without), `without ${file}`)).toBe('checkpoint/external-data');
    }
  });

  it('changed at random, ends in tensors that are there or in a CheckpointError', { timeout: 120_000 }, async () => {
    const random = formulaRandom(name);
    const names = [...whole.keys()];
    let size = 0;
    for (const { length } of whole.values()) size += length;
    const results = new Map<string, number>();
    for (let round = 0; round < 20_000; round++) {
      const file = round % 4 > 0 ? path : names[random.below(names.length)]!;
      const bytes = whole.get(file)!;
      const changed = file === path ? changeJson(bytes, words, random) : changeBytes(bytes, random);
      const damaged = new Map(whole).set(file, changed);
      const result = await outcome(createMemoryFiles(damaged), `round ${round}`);
      // A quantized value is at most four times as large as what is stored.
      if (typeof result === 'number') expect(result).toBeLessThanOrEqual(8 * size);
      const kind = typeof result === 'number' ? 'read' : result;
      results.set(kind, (results.get(kind) ?? 0) + 1);
    }
    expect([...results.keys()].sort()).toEqual(['checkpoint/damaged', 'checkpoint/external-data', 'read']);
    expect(results.get('read')).toBeGreaterThan(2000);
  });
});
