import { type CheckpointReader, createMemoryFiles, type Random } from '@graftjs/core';
import { changeBytes, formulaRandom, readingOutcome } from '@graftjs/core/testing';
import { describe, expect, it } from 'vitest';
import { type Fixture, fixture, fixtureFiles } from '../test/fixtures.js';
import { blocksOf, rawTable } from '../test/raw-table.js';

/** Files are damaged at every byte if that asks for no more reads of a byte than this, else at bytes that are picked. */
const mostWork = 60_000;
const pickedPlaces = 200;

const subjects = [
  'v1.ckpt',
  'v1_axes3.ckpt',
  'v1_more_types.ckpt',
  'v1_sharded_axes3.ckpt',
  'v1_snappy.ckpt',
  'v1_types.ckpt',
  'v2_more_types.ckpt',
  'v2_partitioner.ckpt',
  'v2_sharded.ckpt',
  'v2_types.ckpt',
].map(fixture);

type Values = Map<string, Uint8Array | Uint8Array[]>;

async function valuesOf(reader: CheckpointReader): Promise<Values> {
  const values: Values = new Map();
  for (const { name, dtype } of reader.tensors.values()) {
    values.set(name, dtype === 'string' ? await reader.readStrings(name) : await reader.read(name));
  }
  return values;
}

async function read({ format, prefix }: Fixture, files: ReadonlyMap<string, Uint8Array>): Promise<Values> {
  const reader = await format.open(prefix, createMemoryFiles(files));
  try {
    return await valuesOf(reader);
  } finally {
    await reader.close();
  }
}

function equalBytes(a: Uint8Array | Uint8Array[] | undefined, b: Uint8Array | Uint8Array[]): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  if (!Array.isArray(a) || !Array.isArray(b)) return false;
  return a.length === b.length && a.every((element, index) => Buffer.compare(element, b[index] as Uint8Array) === 0);
}

function expectErrorOrRight(result: Values | string, right: Values, what: string): void {
  if (typeof result === 'string') return;
  if (result.size !== right.size) throw new Error(`${what} gave ${result.size} variables, not ${right.size}`);
  for (const [name, values] of right) {
    if (!equalBytes(result.get(name), values)) throw new Error(`${what} gave wrong values for ${name}`);
  }
}

/** Every place from 0 below `count`, or a sample that has the first and last 256 of them. */
function places(count: number, variables: number, random: Random): number[] {
  if (count * variables <= mostWork) return Array.from({ length: count }, (_, place) => place);
  const picked = new Set<number>();
  for (let place = 0; place < 256; place++) picked.add(place).add(count - 1 - place);
  while (picked.size < 512 + pickedPlaces) picked.add(random.below(count));
  return [...picked];
}

describe.each(subjects)('$name', (subject) => {
  it('cut short anywhere, is refused', { timeout: 60_000 }, async () => {
    const random = formulaRandom('cut');
    const files = fixtureFiles(subject);
    const right = await read(subject, files);
    let refused = 0;
    for (const [path, bytes] of files) {
      for (const length of places(bytes.length, right.size, random)) {
        const what = `${path} cut to ${length} bytes`;
        const cut = new Map(files).set(path, bytes.subarray(0, length));
        const result = await readingOutcome(() => read(subject, cut), what);
        expectErrorOrRight(result, right, what);
        if (typeof result === 'string') refused++;
        else if (!path.includes('.data-')) throw new Error(`${what} was read`);
      }
    }
    expect(refused).toBeGreaterThan(500);
  });

  it('with any byte changed, is refused or read right', { timeout: 60_000 }, async () => {
    const random = formulaRandom('bytes');
    const files = fixtureFiles(subject);
    const right = await read(subject, files);
    let refused = 0;
    let tried = 0;
    for (const [path, bytes] of files) {
      for (const place of places(bytes.length, right.size, random)) {
        const changed = bytes.slice();
        changed[place] = (bytes[place] as number) ^ (1 + random.below(255));
        const what = `${path} with byte ${place} as ${changed[place]}`;
        const result = await readingOutcome(() => read(subject, new Map(files).set(path, changed)), what);
        expectErrorOrRight(result, right, what);
        if (typeof result === 'string') refused++;
        tried++;
      }
    }
    // Only the footer's padding and the empty metadata block, which nobody reads, may change unseen.
    expect(tried - refused).toBeLessThan(80 * files.size);
  });

  it('changed at random, is refused or read right', { timeout: 60_000 }, async () => {
    const random = formulaRandom('damage');
    const files = fixtureFiles(subject);
    const right = await read(subject, files);
    const paths = [...files.keys()];
    for (let round = 0; round < 300; round++) {
      const path = paths[random.below(paths.length)] as string;
      const changed = changeBytes(files.get(path)!, random);
      const what = `${path} after round ${round}`;
      expectErrorOrRight(
        await readingOutcome(() => read(subject, new Map(files).set(path, changed)), what),
        right,
        what,
      );
    }
  });
});

/** Fixtures whose tables are small, so that many rounds cost little. */
const sealed = ['v1_axes3.ckpt', 'v1_more_types.ckpt', 'v1_sharded_axes3.ckpt', 'v2_axes3.ckpt', 'v2_types.ckpt'].map(
  fixture,
);

it.each(sealed)(
  '$name with any contents under checksums that match, ends in values or a CheckpointError',
  { timeout: 60_000 },
  async (subject) => {
    const random = formulaRandom('contents');
    const files = fixtureFiles(subject);
    const tables = [...files.keys()].filter((path) => !path.includes('.data-'));
    let accepted = 0;
    for (let round = 0; round < 1500; round++) {
      const path = tables[round % tables.length] as string;
      const blocks = blocksOf(files.get(path) as Uint8Array);
      const block = random.below(blocks.length);
      const changed = blocks.map((raw, index) =>
        index === block ? { ...raw, block: fewBytesChanged(raw.block, random) } : raw,
      );
      const table = await rawTable(changed);
      const started = performance.now();
      const result = await readingOutcome(
        () => read(subject, new Map(files).set(path, table)),
        `${path}, round ${round}`,
      );
      expect(performance.now() - started, `milliseconds for ${path}, round ${round}`).toBeLessThan(2000);
      if (typeof result === 'string') continue;
      accepted++;
      for (const values of result.values()) {
        const bytes = Array.isArray(values) ? values.reduce((sum, value) => sum + value.length, 0) : values.length;
        expect(bytes).toBeLessThan(1 << 20);
      }
    }
    expect(accepted).toBeGreaterThan(5);
  },
);

function fewBytesChanged(bytes: Uint8Array, random: Random): Uint8Array {
  const changed = bytes.slice();
  for (let count = 1 + random.below(3); count > 0; count--) {
    changed[random.below(bytes.length)] = random.below(256);
  }
  return changed;
}
