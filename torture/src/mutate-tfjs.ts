import type { Random } from '@graftjs/core';
import { changeBytes } from '@graftjs/core/testing';
import { oddNumber, pick } from './change-message.js';
import type { Fixture } from './fixtures.js';
import type { Mutation } from './mutation.js';

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** What is of interest in a `model.json`: the topology beside it is not read. */
interface Model {
  readonly weightsManifest: readonly { readonly paths: readonly string[]; readonly weights: readonly Json[] }[];
}

const encode = (model: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(model));

const modelOf = ({ files, prefix }: Fixture): Model => JSON.parse(new TextDecoder().decode(files.get(prefix))) as Model;

const strangers: readonly Json[] = [
  null,
  true,
  '',
  '..',
  'uint8',
  'uint16',
  'float16',
  'string',
  'complex64',
  '__proto__',
  0.5,
  -1,
  1e308,
  2 ** 53,
  [],
  {},
  [[]],
  [0, 2 ** 53],
];

/** Something else in the place of a value. */
function otherThan(value: Json, random: Random): Json {
  if (typeof value === 'number' && random.below(3) > 0) {
    return Number(oddNumber(BigInt(Math.trunc(value)), random)) + (random.below(8) === 0 ? 0.5 : 0);
  }
  return pick(strangers, random);
}

/** A list with one of its elements left out, doubled, or in another place. */
function changeList(list: readonly Json[], random: Random): readonly Json[] {
  const at = random.below(list.length);
  const others = list.toSpliced(at, 1);
  if (random.below(3) === 0) return others;
  return (random.below(2) === 0 ? list : others).toSpliced(random.below(list.length), 0, list[at]!);
}

/** One value, somewhere within, replaced, left out, doubled or in another place. */
function changeJson(value: Json, random: Random): Json {
  if (value === null || typeof value !== 'object' || random.below(12) === 0) return otherThan(value, random);
  if (Array.isArray(value)) {
    if (value.length === 0 || random.below(6) === 0) {
      return value.length === 0 ? [otherThan(0, random)] : changeList(value, random);
    }
    const at = random.below(value.length);
    return value.with(at, changeJson(value[at], random));
  }
  const entries = Object.entries(value);
  if (entries.length === 0) return otherThan(value, random);
  const [key, inner] = pick(entries, random);
  const { [key]: _, ...others } = value as { readonly [key: string]: Json };
  if (random.below(12) === 0) return others;
  return { ...value, [key]: changeJson(inner, random) };
}

/** A value of the manifest: what it says is all that there is to go by. */
function manifest(fixture: Fixture, random: Random): Mutation {
  const { weightsManifest } = modelOf(fixture);
  const changed = changeJson(weightsManifest as unknown as Json, random);
  return {
    what: 'the manifest',
    files: new Map(fixture.files).set(fixture.prefix, encode({ weightsManifest: changed })),
    checksums: 'silent',
  };
}

/** Bytes of a file. A shard of another length is told by that. */
function bytes({ files, prefix }: Fixture, random: Random): Mutation {
  const [path, whole] = pick([...files], random);
  const what = `bytes of ${path}`;
  const damaged = new Map(files);
  if (random.below(40) === 0) {
    damaged.delete(path);
    return { what, files: damaged, checksums: 'tell' };
  }
  const changed = changeBytes(whole, random);
  const isTold = path !== prefix && changed.length !== whole.length;
  return { what, files: damaged.set(path, changed), checksums: isTold ? 'tell' : 'silent' };
}

/** The same weights, cut into files elsewhere, and a file of them that may be missing, empty or named otherwise. */
function shards(fixture: Fixture, random: Random): Mutation {
  const { weightsManifest } = modelOf(fixture);
  const files = new Map<string, Uint8Array>();
  const groups = weightsManifest.map(({ paths, weights }, group) => {
    const whole = Buffer.concat(paths.map((path) => fixture.files.get(`/run/${path}`)!));
    const cuts = [0, whole.length, ...Array.from({ length: random.below(6) }, () => random.below(whole.length + 1))];
    const ends = cuts.sort((a, b) => a - b);
    const names = ends.slice(1).map((end, index) => {
      const name = `group${group}-${index}.bin`;
      files.set(`/run/${name}`, new Uint8Array(whole.subarray(ends[index], end)));
      return random.below(4) === 0 ? `./${name}` : name;
    });
    return { paths: names, weights };
  });
  if (random.below(4) === 0) {
    const { paths } = pick(groups, random);
    paths[random.below(paths.length)] = pick(['../a', '/run/a', '', '.', paths[0]!, 'a\0'], random);
  }
  files.set(fixture.prefix, encode({ weightsManifest: groups }));
  return { what: 'the shards', files, checksums: 'tell' };
}

/** Damages a model of TensorFlow.js, which has no checksums: the files' lengths alone can tell. */
export function mutateTfjs(fixture: Fixture, random: Random): Mutation {
  return pick([manifest, manifest, bytes, shards], random)(fixture, random);
}
