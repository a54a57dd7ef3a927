import { readFileSync } from 'node:fs';
import { createMemoryFiles } from '@graftjs/core';
import { changeBytes, changeJson, formulaRandom, readingOutcome, readTensors } from '@graftjs/core/testing';
import { describe, expect, it } from 'vitest';
import { safetensors } from './safetensors.js';

const fixture = (name: string): Buffer => readFileSync(new URL(`../fixtures/${name}`, import.meta.url));

/** A file with any header, and so many bytes behind it. */
function fileOf(header: Uint8Array, data: Uint8Array, length = BigInt(header.length)): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(length);
  return Buffer.concat([bytes, header, data]);
}

/** Bytes of all tensors that are read, or the code of the error. */
const outcome = (bytes: Uint8Array, what: string) =>
  readingOutcome(async () => {
    return readTensors(await safetensors.open('a.safetensors', createMemoryFiles([['a.safetensors', bytes]])));
  }, what);

describe('headers that are wrong or nearly so, against the reference implementation', () => {
  type Header = string | { readonly start: string; readonly repeated: string; readonly count: number };
  const verdicts: { what: string; header: Header; bytes: number; reads: boolean }[] = JSON.parse(
    fixture('verdicts.json').toString(),
  );
  // The format's specification forbids the first two; the others are forms that no writer is known to use.
  const stricter = new Set([
    'twice',
    'twice by an escape',
    'a field too many',
    'metadata of null',
    'a tensor as a list',
  ]);
  const textOf = (header: Header) =>
    typeof header === 'string' ? header : header.start + header.repeated.repeat(header.count);

  it.each(verdicts)('$what', async ({ what, header, bytes, reads }) => {
    const result = await outcome(fileOf(Buffer.from(textOf(header)), new Uint8Array(bytes)), what);
    if (stricter.has(what)) expect([reads, result]).toEqual([true, 'checkpoint/damaged']);
    else expect(result).toBe(reads ? bytes : 'checkpoint/damaged');
  });
});

it.each([0n, 7n, 16n, 100_000_000n, 100_000_001n, 1n << 31n, 1n << 53n, (1n << 63n) - 8n, (1n << 64n) - 1n])(
  'a header that is to have %i bytes in a file of 15 is refused',
  async (length) => {
    const result = await outcome(fileOf(Buffer.from('{"a":{}'), new Uint8Array(), length), 'a length');
    expect(result).toBe('checkpoint/damaged');
  },
);

it('cut short anywhere, or with bytes added, is refused', async () => {
  const whole = fixture('types.safetensors');
  for (let length = 0; length < whole.length; length++) {
    expect(await outcome(whole.subarray(0, length), `cut to ${length}`), `${length}`).toBe('checkpoint/damaged');
  }
  expect(await outcome(Buffer.concat([whole, Buffer.alloc(1)]), 'a byte more')).toBe('checkpoint/damaged');
});

/** What headers are made of. */
const words = ['"dtype"', '"shape"', '"data_offsets"', '"F32"', '"__metadata__"', '"a":{}'];

it.each(['types.safetensors', 'small_floats.safetensors'])(
  '%s changed at random, ends in tensors that are there or in a CheckpointError',
  { timeout: 60_000 },
  async (name) => {
    const whole = fixture(name);
    const length = Number(whole.readBigUInt64LE(0));
    const [header, data] = [whole.subarray(8, 8 + length), whole.subarray(8 + length)];
    const random = formulaRandom(name);
    const results = new Map<string, number>();
    for (let round = 0; round < 20_000; round++) {
      const isHeader = round % 4 > 0;
      const bytes = isHeader ? fileOf(changeJson(header, words, random), data) : changeBytes(whole, random);
      const result = await outcome(bytes, `round ${round}`);
      if (typeof result === 'number') expect(result).toBeLessThanOrEqual(bytes.length);
      const kind = typeof result === 'number' ? 'read' : result;
      results.set(kind, (results.get(kind) ?? 0) + 1);
    }
    expect([...results.keys()].sort()).toEqual(['checkpoint/damaged', 'read']);
    expect(results.get('read')).toBeGreaterThan(2000);
  },
);
