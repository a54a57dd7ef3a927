import type { Initializer, Variable } from '@graftjs/core';
import { describe, expect, it } from 'vitest';
import { initialValue } from './initializers.js';

const variable = (initializer: Initializer, name = 'net/conv/weights'): Variable => ({
  name,
  shape: [3, 3, 40, 60],
  initializer,
  trainable: true,
  decayed: true,
});
const fanIn = 3 * 3 * 40;
const fanOut = 3 * 3 * 60;

function moments(values: Float32Array) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return {
    mean,
    deviation: Math.sqrt(variance),
    largest: values.reduce((most, value) => Math.max(most, Math.abs(value)), 0),
  };
}

describe('the values have their distribution', () => {
  // A normal distribution that is cut at two deviations has 0.87962566 of its deviation.
  const cut = 0.87962566;
  const glorot = Math.sqrt(6 / (fanIn + fanOut));
  const he = Math.sqrt(2 / fanIn);
  it.each([
    [{ kind: 'xavier-uniform' }, glorot / Math.sqrt(3), glorot],
    [{ kind: 'he-normal' }, he * cut, 2 * he],
    [{ kind: 'truncated-normal', deviation: 0.01 }, 0.01 * cut, 0.02],
  ] as const)('$kind', (initializer, deviation, largest) => {
    const values = initialValue(variable(initializer), 1);
    const found = moments(values);
    // Five standard errors of 21,600 draws.
    expect(Math.abs(found.mean)).toBeLessThan((5 * deviation) / Math.sqrt(values.length));
    expect(Math.abs(found.deviation / deviation - 1)).toBeLessThan(5 / Math.sqrt(2 * values.length));
    expect(found.largest).toBeLessThanOrEqual(largest * (1 + 1e-7));
    expect(found.largest).toBeGreaterThan(largest * 0.99);
  });

  it('constant', () => {
    expect(new Set(initialValue(variable({ kind: 'constant', value: 0.5 }), 1))).toEqual(new Set([0.5]));
  });

  it('bilinear: a transposed convolution with it interpolates each channel', () => {
    const of = (size: number) => initialValue({ ...variable({ kind: 'bilinear' }), shape: [size, size, 2, 2] }, 1);
    // Figures of the paper's own code (`upsample_filt` of its surgery.py): sizes of 4 and 3.
    const along: Record<number, readonly number[]> = { 4: [0.25, 0.75, 0.75, 0.25], 3: [0.5, 1, 0.5] };
    for (const [size, ramp] of Object.entries(along)) {
      const expected = ramp.flatMap((y) => ramp.flatMap((x) => [x * y, 0, 0, x * y]));
      expect([...of(Number(size))]).toEqual(expected);
    }
  });

  it('a dense layer and a vector have the fans that TensorFlow gives them', () => {
    const largest = (shape: readonly number[]) => {
      const values = initialValue({ ...variable({ kind: 'xavier-uniform' }), shape }, 1);
      return moments(values).largest;
    };
    expect(largest([500, 100])).toBeCloseTo(Math.sqrt(6 / 600), 3);
    expect(largest([20000])).toBeCloseTo(Math.sqrt(6 / 40000), 4);
  });
});

it('depends on the seed and the name, and on nothing else', () => {
  const of = (name: string, seed: number) => initialValue(variable({ kind: 'xavier-uniform' }, name), seed);
  const one = of('a/weights', 1);
  of('b/weights', 1);
  expect(of('a/weights', 1)).toEqual(one);
  for (const other of [of('b/weights', 1), of('a/weights', 2)]) {
    const equal = other.filter((value, index) => value === one[index]);
    expect(equal.length).toBeLessThan(10);
  }
});
