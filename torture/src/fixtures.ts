import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { slimV1, slimV2 } from '@graftjs/ckpt-slim';
import type { CheckpointFormat } from '@graftjs/core';
import { readAll, type Values } from './read-all.js';

/** A checkpoint that TensorFlow wrote, in memory, and what is in it by TensorFlow's own word. */
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

const isSame = (
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
    if (!isSame(entry, values.get(variable)!)) throw new Error(`${variable} of ${name} is read wrong, undamaged`);
  }
  return { name, format, prefix, files, values };
}

/** The checkpoints of `packages/ckpt-slim/fixtures`, each compared with its manifest. */
export async function readFixtures(): Promise<Fixture[]> {
  const names = await readdir(folder);
  const manifests = names.filter((file) => file.endsWith(manifestEnding));
  return Promise.all(manifests.map((file) => readFixture(file.slice(0, -manifestEnding.length), names)));
}
