import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { CheckpointFormat, CheckpointReader, DType, TensorSource } from '@graftjs/core';
import { slimV1 } from '../src/slim-v1.js';
import { slimV2 } from '../src/slim-v2.js';

/** What TensorFlow says of a variable that it wrote. */
export interface ManifestEntry {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Of the little-endian row-major bytes; strings have `values` instead, one character a byte. */
  readonly sha256?: string;
  readonly values?: readonly string[];
}

export interface Fixture {
  readonly name: string;
  readonly prefix: string;
  readonly format: CheckpointFormat;
  readonly variables: Readonly<Record<string, ManifestEntry>>;
}

export const fixtureFolder = fileURLToPath(new URL('../fixtures', import.meta.url));
const manifestEnding = '.manifest.json';

/** Every checkpoint in `fixtures/`, all written by TensorFlow but those that `fixtures/README.md` names. */
export const fixtures: readonly Fixture[] = readdirSync(fixtureFolder)
  .filter((file) => file.endsWith(manifestEnding))
  .map((file) => {
    const name = file.slice(0, -manifestEnding.length);
    const { variables } = JSON.parse(readFileSync(`${fixtureFolder}/${file}`, 'utf8')) as Fixture;
    for (const entry of Object.values(variables) as { dtype: string }[]) {
      if (entry.dtype === 'half') entry.dtype = 'float16';
    }
    return { name, prefix: `${fixtureFolder}/${name}`, format: name.startsWith('v1') ? slimV1 : slimV2, variables };
  });

export function fixture(name: string): Fixture {
  const found = fixtures.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`There is no fixture ${name}`);
  return found;
}

/** The files of a fixture in memory. */
export function fixtureFiles({ name }: Fixture): Map<string, Uint8Array> {
  const belongs = (file: string) => file.startsWith(name) && !file.endsWith(manifestEnding);
  const files = readdirSync(fixtureFolder).filter((file) => belongs(file) && /^(\.|-|$)/.test(file.slice(name.length)));
  return new Map(
    files.map((file) => [`${fixtureFolder}/${file}`, new Uint8Array(readFileSync(`${fixtureFolder}/${file}`))]),
  );
}

/** All that a reader gives, in the form of a manifest. */
export async function manifestOf(reader: CheckpointReader): Promise<Record<string, ManifestEntry>> {
  const manifest: Record<string, ManifestEntry> = {};
  for (const { name, dtype, shape } of reader.tensors.values()) {
    manifest[name] =
      dtype === 'string'
        ? {
            dtype,
            shape,
            values: (await reader.readStrings(name)).map((value) => Buffer.from(value).toString('latin1')),
          }
        : { dtype, shape, sha256: sha256(await reader.read(name)) };
  }
  return manifest;
}

/** A manifest without what `manifestOf` does not tell. */
export function expectedManifest(variables: Fixture['variables']): Record<string, ManifestEntry> {
  const known = Object.entries(variables).map(([name, { dtype, shape, sha256, values }]): [string, ManifestEntry] => [
    name,
    values === undefined ? { dtype, shape, sha256: sha256 as string } : { dtype, shape, values },
  ]);
  return Object.fromEntries(known);
}

/** The variables of an open checkpoint as they can be written again. */
export function sourcesOf(reader: CheckpointReader): TensorSource[] {
  return [...reader.tensors.values()].map(({ name, dtype, shape }) => ({
    name,
    dtype,
    shape,
    read: () => (dtype === 'string' ? reader.readStrings(name) : reader.read(name)),
  }));
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
