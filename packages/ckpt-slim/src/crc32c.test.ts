import { expect, it } from 'vitest';
import { Crc32c } from './crc32c.js';

const of = async (bytes: Uint8Array) => (await Crc32c.create()).update(bytes).value;

// RFC 3720, B.4, and the check value of the CRC catalogue.
it.each([
  ['32 zeros', new Uint8Array(32), 0x8a9136aa],
  ['32 bytes of ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ['32 ascending bytes', Uint8Array.from({ length: 32 }, (_, index) => index), 0x46dd794e],
  ['32 descending bytes', Uint8Array.from({ length: 32 }, (_, index) => 31 - index), 0x113fdb5c],
  ['123456789', new TextEncoder().encode('123456789'), 0xe3069283],
  ['nothing', new Uint8Array(), 0],
])('sums up %s', async (_, bytes, expected) => {
  expect(await of(bytes)).toBe(expected);
});

it('sums up pieces of several at once as it does the whole', async () => {
  const bytes = Uint8Array.from({ length: 100_000 }, (_, index) => (index * 2654435761) >>> 24);
  const [first, second] = [await Crc32c.create(), await Crc32c.create()];
  for (let at = 0; at < bytes.length; at += 7919) {
    first.update(bytes.subarray(at, at + 7919));
    second.update(bytes.slice(at, at + 7919).fill(1));
    expect(first.value).toBe(await of(bytes.subarray(0, at + 7919)));
  }
  expect(second.value).toBe(await of(new Uint8Array(bytes.length).fill(1)));
});
