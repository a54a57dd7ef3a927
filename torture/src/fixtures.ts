import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { slimV1, slimV2 } from '@graftjs/ckpt-slim';
import { tfjs } from '@graftjs/ckpt-tfjs';
import { type CheckpointFormat, createMemoryFiles, type TensorSource } from '@graftjs/core';
import { createRandom } from '@graftjs/trainer';
import { isSameValue, readAll, type Values } from './read-all.js';

/** A checkpoint in memory, and what is in it: where a framework wrote it, by that framework's own word. */
export interface Fixture {
  readonly name: string;
  readonly format: CheckpointFormat;
  /** What it is opened by. */
  readonly prefix: string;
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly values: Values;
}

/** What a manifest says of a variable: the hash of its bytes, or strings. */
interface Listed {
  readonly sha256?: string;
  readonly strings?: readonly string[];
}

const fixturesOf = (name: string) => fileURLToPath(new URL(`../../packages/${name}/fixtures`, import.meta.url));
const [slimFolder, tfjsFolder] = [fixturesOf('ckpt-slim'), fixturesOf('ckpt-tfjs')];
const manifestEnding = '.manifest.json';

function isAsListed({ sha256, strings }: Listed, found: Uint8Array | readonly Uint8Array[]): boolean {
  if (found instanceof Uint8Array) return createHash('sha256').update(found).digest('hex') === sha256;
  return JSON.stringify(found.map((value) => Buffer.from(value).toString('latin1'))) === JSON.stringify(strings);
}

/** @throws Error where it is read otherwise than its manifest says */
async function fixtureOf(
  { name, format, prefix, files }: Omit<Fixture, 'values'>,
  listed: ReadonlyMap<string, Listed>,
): Promise<Fixture> {
  const values = await readAll(format, prefix, files);
  for (const [variable, entry] of listed) {
    if (!isAsListed(entry, values.get(variable)!)) throw new Error(`${variable} of ${name} is read wrong, undamaged`);
  }
  return { name, format, prefix, files, values };
}

const readManifest = async <T>(folder: string, name: string): Promise<T> =>
  JSON.parse(await readFile(`${folder}/${name}${manifestEnding}`, 'utf8')) as T;

async function listedIn(folder: string): Promise<string[]> {
  const manifests = (await readdir(folder)).filter((file) => file.endsWith(manifestEnding));
  return manifests.map((file) => file.slice(0, -manifestEnding.length));
}

async function readSlimFixture(name: string, names: readonly string[]): Promise<Fixture> {
  const own = names.filter((file) => file.startsWith(name) && /^($|[.-])/.test(file.slice(name.length)));
  const files = new Map<string, Uint8Array>();
  for (const file of own) {
    if (file.endsWith(manifestEnding)) continue;
    files.set(`/run/${file}`, new Uint8Array(await readFile(`${slimFolder}/${file}`)));
  }
  const format = name.startsWith('v1') ? slimV1 : slimV2;
  type Entry = { readonly sha256?: string; readonly values?: readonly string[] };
  const { variables } = await readManifest<{ readonly variables: Readonly<Record<string, Entry>> }>(slimFolder, name);
  const listed = Object.entries(variables).map(([variable, { values, ...entry }]): [string, Listed] => [
    variable,
    { ...entry, ...(values && { strings: values }) },
  ]);
  return fixtureOf({ name, format, prefix: `/run/${name}`, files }, new Map(listed));
}

/** The checkpoints of `packages/ckpt-slim/fixtures`, each compared with its manifest. */
export async function readSlimFixtures(): Promise<Fixture[]> {
  const [names, files] = [await listedIn(slimFolder), await readdir(slimFolder)];
  return Promise.all(names.map((name) => readSlimFixture(name, files)));
}

async function readTfjsFixture(name: string): Promise<Fixture> {
  const files = new Map<string, Uint8Array>();
  for (const file of await readdir(`${tfjsFolder}/${name}`)) {
    files.set(`/run/${file}`, new Uint8Array(await readFile(`${tfjsFolder}/${name}/${file}`)));
  }
  const listed = await readManifest<readonly (Listed & { readonly name: string })[]>(tfjsFolder, name);
  const entries = listed.map(({ name: variable, ...entry }) => [variable, entry] as const);
  return fixtureOf({ name: `tfjs ${name}`, format: tfjs, prefix: '/run/model.json', files }, new Map(entries));
}

/** The models of `packages/ckpt-tfjs/fixtures`, each compared with its manifest. */
export async function readTfjsFixtures(): Promise<Fixture[]> {
  return Promise.all((await listedIn(tfjsFolder)).map(readTfjsFixture));
}

/**
 * A checkpoint of V1 with a block of more than a megabyte for each way in which it holds elements: such blocks are not kept
 * whole, but read as they come.
 */
export async function largeFixture(): Promise<Fixture> {
  const random = createRandom(1);
  const count = 300_000;
  const int64 = new BigInt64Array(count).map(() => BigInt(random.below(2 ** 31)));
  const float32 = new Float32Array(count).map(() => random.uniform());
  const bytes = (values: ArrayBufferView<ArrayBuffer>) => new Uint8Array(values.buffer);
  const sources: TensorSource[] = [
    { name: 'float32', dtype: 'float32', shape: [count], read: () => bytes(float32) },
    { name: 'int64', dtype: 'int64', shape: [count], read: () => bytes(int64) },
    { name: 'small', dtype: 'float32', shape: [3], read: () => bytes(Float32Array.of(1, 2, 3)) },
    { name: 'string', dtype: 'string', shape: [2], read: () => [bytes(float32), bytes(int64).subarray(0, 9)] },
  ];
  const prefix = '/run/large.ckpt';
  const written = createMemoryFiles();
  await written.makeFolder('/run');
  await slimV1.write!(prefix, sources, written);
  const file = await written.open(prefix);
  const contents = new Uint8Array(file.size);
  await file.read(0, contents);
  const files = new Map([[prefix, contents]]);
  const values = await readAll(slimV1, prefix, files);
  for (const { name, read } of sources) {
    if (!isSameValue(values.get(name), (await read()) as Uint8Array))
      throw new Error(`${name} is read wrong, undamaged`);
  }
  return { name: 'large.ckpt', format: slimV1, prefix, files, values };
}
