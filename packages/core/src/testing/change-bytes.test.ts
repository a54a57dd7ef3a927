import { expect, it } from 'vitest';
import { changeBytes, changeJson } from './change-bytes.js';
import { formulaRandom } from './formula.js';

it('changes nearly always, in every way, and never the bytes that it is given', () => {
  // A Buffer: `slice` and `subarray` of one share its memory.
  const bytes = Buffer.from(Array.from({ length: 100 }, (_, index) => index));
  const random = formulaRandom('damage');
  const lengths = { shorter: 0, longer: 0, equal: 0, same: 0 };
  for (let round = 0; round < 1000; round++) {
    const changed = changeBytes(bytes, random);
    if (changed.length < bytes.length) lengths.shorter++;
    else if (changed.length > bytes.length) lengths.longer++;
    else if (Buffer.compare(bytes, changed) === 0) lengths.same++;
    else lengths.equal++;
  }
  expect([...bytes]).toEqual(Array.from({ length: 100 }, (_, index) => index));
  expect(lengths.shorter).toBeGreaterThan(200);
  expect(lengths.longer).toBeGreaterThan(80);
  expect(lengths.equal).toBeGreaterThan(250);
  expect(lengths.same).toBeLessThan(300);
  expect(changeBytes(new Uint8Array(0), random)).toEqual(new Uint8Array(0));
});

it('makes other documents that are JSON, and ones that are none', () => {
  const document = new TextEncoder().encode(JSON.stringify({ a: [12, 345], b: 'a text', c: [] }));
  const random = formulaRandom('documents');
  const read = new Set<string>();
  let refused = 0;
  for (let round = 0; round < 2000; round++) {
    const text = new TextDecoder().decode(changeJson(document, ['"word":1,'], random));
    try {
      read.add(JSON.stringify(JSON.parse(text)));
    } catch {
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(500);
  expect(read.size).toBeGreaterThan(100);
  expect([...read].some((text) => text.includes('"word":1'))).toBe(true);
});
