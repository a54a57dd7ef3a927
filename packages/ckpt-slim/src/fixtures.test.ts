import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { createMemoryFiles } from '@graftjs/core';
import { nodeFileSystem } from '@graftjs/core/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectedManifest, fixtureFiles, fixtureFolder, fixtures, manifestOf, sourcesOf } from '../test/fixtures.js';
import { slimV1 } from './slim-v1.js';
import { slimV2 } from './slim-v2.js';

const files = nodeFileSystem;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(`${tmpdir()}/ckpt-slim-`);
});
afterAll(() => rm(folder, { recursive: true }));

describe.each(fixtures)('$name, as TensorFlow wrote it', (fixture) => {
  const { name, prefix, format, variables } = fixture;
  const other = format === slimV1 ? slimV2 : slimV1;

  it('is recognised by its format alone', async () => {
    expect(await format.recognises(prefix, files)).toBe(true);
    expect(await other.recognises(prefix, files)).toBe(false);
  });

  it('is made up of its files', async () => {
    expect(await format.filesOf(prefix, files)).toEqual([...fixtureFiles(fixture).keys()].sort(indexFirst));
  });

  it('has the variables of the manifest, to the byte', async () => {
    const reader = await format.open(prefix, files);
    expect([...reader.tensors.keys()]).toEqual(Object.keys(variables).sort());
    expect(await manifestOf(reader)).toEqual(expectedManifest(variables));
    await reader.close();
  });

  it('gives the same variables when it is written again in its format', async () => {
    const reader = await format.open(prefix, files);
    const path = `${folder}/${name}`;
    await format.write?.(path, sourcesOf(reader), files);
    await reader.close();
    const again = await format.open(path, files);
    expect(await manifestOf(again)).toEqual(expectedManifest(variables));
    await again.close();
  });
});

function indexFirst(a: string, b: string): number {
  return Number(b.endsWith('.index')) - Number(a.endsWith('.index')) || (a < b ? -1 : 1);
}

/** One whole file, no slices, uncompressed: what Graft writes too. */
const plain = fixtures.filter(({ name }) => !/sharded|partition|axes|snappy/.test(name));

it.each(plain)('$name comes out as the very bytes that TensorFlow wrote', async (fixture) => {
  const { prefix, format } = fixture;
  const original = fixtureFiles(fixture);
  const reader = await format.open(prefix, files);
  const written = createMemoryFiles();
  await written.makeFolder(fixtureFolder);
  await format.write?.(prefix, sourcesOf(reader).reverse(), written);
  await reader.close();
  for (const path of original.keys()) {
    const file = await written.open(path);
    const bytes = new Uint8Array(file.size);
    await file.read(0, bytes);
    expect(Buffer.compare(bytes, readFileSync(path)), path).toBe(0);
  }
});

it('covers every kind of checkpoint and every element type', () => {
  expect(fixtures.length).toBe(23);
  expect(plain.length).toBe(11);
  const types = new Set(fixtures.flatMap(({ variables }) => Object.values(variables).map(({ dtype }) => dtype)));
  expect([...types].sort()).toEqual(
    ['bfloat16', 'bool', 'complex128', 'complex64', 'float16', 'float32', 'float64', 'int16', 'int32', 'int64', 'int8']
      .concat(['qint16', 'qint32', 'qint8', 'quint16', 'quint8', 'string', 'uint16', 'uint32', 'uint64', 'uint8'])
      .sort(),
  );
});
