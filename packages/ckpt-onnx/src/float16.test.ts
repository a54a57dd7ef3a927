import { describe, expect, it } from 'vitest';
import { toFloat16 } from './float16.js';

const never = (value: number): never => {
  throw new RangeError(`${value} is too large`);
};

/** What 16 bits stand for: a sign, 5 bits of exponent, 10 of fraction. */
function numberOf(bits: number): number {
  const [sign, exponent, fraction] = [bits & 0x8000 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

/** Compares many at once; vitest's own way takes a second for them. */
function expectBits(found: Uint16Array, expected: Uint16Array): void {
  const wrong = found.findIndex((bits, at) => bits !== expected[at]);
  expect([wrong, found[wrong], found.length]).toEqual([-1, undefined, expected.length]);
}

const infinity = 0x7c00;
const finite = Array.from({ length: infinity }, (_, bits) => bits);

describe('numbers as float16', () => {
  it('are the ones of IEEE 754 where those are in the standard’s examples', () => {
    const examples = [
      ...([1, 0x3c00, -2, 0xc000, 65504, 0x7bff, 2 ** -14, 0x0400, 2 ** -24, 1, 0, 0, -0, 0x8000] as const),
      ...([1 / 3, 0x3555, 0.1, 0x2e66, 1e-9, 0, 65519, 0x7bff] as const),
    ];
    for (let i = 0; i < examples.length; i += 2) {
      expect(toFloat16(Float32Array.of(examples[i]!), never)[0], `${examples[i]}`).toBe(examples[i + 1]);
    }
  });

  it('stay what they are where they are such, with either sign', () => {
    for (const sign of [0, 0x8000]) {
      const bits = Uint16Array.from(finite, (magnitude) => magnitude | sign);
      expectBits(toFloat16(Float32Array.from(bits, numberOf), never), bits);
    }
  });

  it('are rounded to the nearest, and half way to the even one', () => {
    const lower = finite.slice(0, -1);
    const middle = Float32Array.from(lower, (bits) => (numberOf(bits) + numberOf(bits + 1)) / 2);
    expectBits(
      toFloat16(middle, never),
      Uint16Array.from(lower, (bits) => bits + (bits % 2)),
    );
    const near = (share: number) =>
      Float32Array.from(lower, (bits) => numberOf(bits) * (1 - share) + numberOf(bits + 1) * share);
    expectBits(toFloat16(near(0.49), never), Uint16Array.from(lower));
    expectBits(
      toFloat16(near(0.51), never),
      Uint16Array.from(lower, (bits) => bits + 1),
    );
  });

  it('that are too large, or none, are told', () => {
    for (const value of [65520, -1e6, Number.POSITIVE_INFINITY, Number.NaN]) {
      expect(() => toFloat16(Float32Array.of(1, value), never)).toThrow(`${value} is too large`);
    }
  });
});
