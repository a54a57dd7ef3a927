import { expect, it } from 'vitest';
import { encodeSliceKey } from './ordered-code.js';
import { compareBytes } from './table-block.js';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

// Examples from the comments of tensorflow/core/lib/strings/ordered_code.cc.
it('encodes the numbers and strings of the specification', () => {
  const name = '\0\x13';
  const key = hex(encodeSliceKey(name, { starts: [0x424242, 63, 64], lengths: [-0x800, -64, -65] }));
  const expected = ['00', '00ff', '13', '0001', '0103', 'f0424242', '3800', 'bf', '40', 'c040', '3fbf'];
  expect(key).toBe(expected.join(''));
});

it('sorts keys as names, then places', () => {
  const at = (name: string, start: number) => encodeSliceKey(name, { starts: [start], lengths: [1] });
  const starts = [-(2 ** 40), -8193, -8192, -65, -64, -1, 0, 1, 63, 64, 8191, 8192, 2 ** 20, 2 ** 34, 2 ** 52];
  const keys = ['a', 'a\0', 'a\0b', 'a\u{1}', 'ab', 'b', 'é'].flatMap((name) => starts.map((start) => at(name, start)));
  for (let index = 1; index < keys.length; index++) {
    expect(compareBytes(keys[index - 1] as Uint8Array, keys[index] as Uint8Array)).toBeLessThan(0);
  }
});
