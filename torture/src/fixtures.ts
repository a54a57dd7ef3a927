import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { slimV1, slimV2 } from '@graftjs/ckpt-slim';
import { type CheckpointFormat, createMemoryFiles, type TensorSource } from '@graftjs/core';
import { createRandom } from '@graftjs/trainer';
import { isSameValue, readAll, type Values } from './read-all.js';

/** A checkpoint in memory, and what is in it: where TensorFlow wrote it, by TensorFlow's own word. */
export interface Fixture {
  readonly name: string;
  readonly format: CheckpointFormat;
  readonly prefix: string;
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly values: Values;
}

interface Manifest {
  readonly variables: Readonly<Record<string, { readonly sha256?: string; readonly values?: readonly string[] }>>;
}

const folder = fileURLToPath(new URL('../../packages/ckpt-slim/fixtures', import.meta.url));
const manifestEnding = '.manifest.json';

const isAsListed = (
  { sha256, values }: Manifest['variables'][string],
  found: Values extends ReadonlyMap<string, infer V> ? V : never,
) =>
  found instanceof Uint8Array
    ? createHash('sha256').update(found).digest('hex') === sha256
    : JSON.stringify(found.map((value) => Buffer.from(value).toString('latin1'))) === JSON.stringify(values);

async function readFixture(name: string, names: readonly string[]): Promise<Fixture> {
  const own = names.filter((file) => file.startsWith(name) && /^($|[.-])/.test(file.slice(name.length)));
  const files = new Map<string, Uint8Array>();
  for (const file of own) {
    if (!file.endsWith(manifestEnding)) files.set(`/run/${file}`, new Uint8Array(await readFile(`${folder}/${file}`)));
  }
  const format = name.startsWith('v1') ? slimV1 : slimV2;
  const prefix = `/run/${name}`;
  const values = await readAll(format, prefix, files);
  const { variables } = JSON.parse(await readFile(`${folder}/${name}${manifestEnding}`, 'utf8')) as Manifest;
  for (const [variable, entry] of Object.entries(variables)) {
    if (!isAsListed(entry, values.get(variable)!)) throw new Error(`${variable} of ${name} is read wrong, undamaged`);
  }
  return { name, format, prefix, files, values };
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

/** The checkpoints of `packages/ckpt-slim/fixtures`, each compared with its manifest. */
export async function readFixtures(): Promise<Fixture[]> {
  const names = await readdir(folder);
  const manifests = names.filter((file) => file.endsWith(manifestEnding));
  return Promise.all(manifests.map((file) => readFixture(file.slice(0, -manifestEnding.length), names)));
}
