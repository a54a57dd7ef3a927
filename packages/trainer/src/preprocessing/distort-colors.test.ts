import { readFileSync } from 'node:fs';
import type { Random } from '@graftjs/core';
import { formulaPicture, smoothPicture } from '@graftjs/core/testing';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../random.js';
import { adjustBrightness, adjustContrast, adjustHue, adjustSaturation, distortColors } from './distort-colors.js';

type Op = 'brightness' | 'saturation' | 'hue' | 'contrast';

interface Colours {
  readonly single: readonly { op: Op; value: number; shift: number; values: number[] }[];
  readonly orderings: readonly ({ ordering: number; values: number[] } & Record<Op, number>)[];
}

const { colours } = JSON.parse(
  readFileSync(new URL('../../fixtures/preprocessing-steps.json', import.meta.url), 'utf8'),
) as { colours: Colours };

const adjust = { brightness: adjustBrightness, saturation: adjustSaturation, hue: adjustHue, contrast: adjustContrast };

/** The fixture's picture: its first row is grey, black, white, red, green, blue. */
function source(): Float32Array {
  const values = new Float32Array(formulaPicture('colours', 6, 6));
  values.set([127.5, 127.5, 127.5, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 255, 0, 0, 0, 255]);
  return values;
}

function expectClose(values: Float32Array, expected: ArrayLike<number>, tolerance: number): void {
  expect(values.length).toBe(expected.length);
  values.forEach((value, i) => {
    expect(Math.abs(value - expected[i]!)).toBeLessThan(tolerance);
  });
}

describe('colour distortions', () => {
  it.each(colours.single)(
    "$op by $value is TensorFlow's, after a shift of $shift too",
    ({ op, value, shift, values }) => {
      const picture = source();
      adjustBrightness(picture, shift);
      adjust[op](picture, value);
      expectClose(picture, values, 2e-3);
    },
  );

  it.each<[Op, number]>([
    ['brightness', 0],
    ['saturation', 1],
    ['hue', 0],
    ['hue', 1],
    ['hue', -2],
    ['contrast', 1],
  ])('%s by %d changes nothing', (op, value) => {
    const picture = new Float32Array(smoothPicture('identity', 20, 20));
    const before = picture.slice();
    adjust[op](picture, value);
    expectClose(picture, before, 1e-3);
  });

  it('hue by a third of the circle turns red to green to blue', () => {
    const picture = new Float32Array([200, 10, 50]);
    adjustHue(picture, 1 / 3);
    expectClose(picture, [50, 200, 10], 1e-3);
    adjustHue(picture, 1 / 3);
    expectClose(picture, [10, 50, 200], 1e-3);
  });

  it('saturation by 0 leaves the largest channel as grey', () => {
    const picture = new Float32Array([200, 10, 50]);
    adjustSaturation(picture, 0);
    expectClose(picture, [200, 200, 200], 1e-3);
  });

  it('contrast keeps the mean of each channel', () => {
    const picture = new Float32Array(smoothPicture('mean', 20, 20));
    const mean = (values: Float32Array, c: number) =>
      values.filter((_, i) => i % 3 === c).reduce((sum, value) => sum + value / 400, 0);
    const before = [0, 1, 2].map((c) => mean(picture, c));
    adjustContrast(picture, 0.5);
    before.forEach((value, c) => {
      expect(Math.abs(mean(picture, c) - value)).toBeLessThan(1e-2);
    });
  });
});

/** The place of a value in its range, as a uniform number. */
const ranges: Record<Op, [low: number, high: number]> = {
  brightness: [-32 / 255, 32 / 255],
  saturation: [0.5, 1.5],
  hue: [-0.2, 0.2],
  contrast: [0.5, 1.5],
};
const slimOrderings: Op[][] = [
  ['brightness', 'saturation', 'hue', 'contrast'],
  ['saturation', 'brightness', 'contrast', 'hue'],
  ['contrast', 'hue', 'brightness', 'saturation'],
  ['hue', 'saturation', 'contrast', 'brightness'],
];

describe('distortColors', () => {
  it.each(colours.orderings)("gives what TensorFlow gives in Slim's ordering $ordering", (expected) => {
    const draws = slimOrderings[expected.ordering]!.map((op) => {
      const [low, high] = ranges[op];
      return (expected[op] - low) / (high - low);
    });
    const random: Random = { uniform: () => draws.shift()!, below: () => expected.ordering };
    const picture = source();
    distortColors(picture, random);
    expect(draws).toEqual([]);
    expectClose(picture, expected.values, 5e-3);
  });

  it('draws every ordering, and stays within 0 to 255', () => {
    const results = new Set<string>();
    for (let key = 0; key < 100; key++) {
      const orderings: number[] = [];
      const stream = createRandom(key);
      const picture = source();
      distortColors(picture, {
        uniform: () => stream.uniform(),
        below(limit) {
          orderings.push(stream.below(limit));
          return orderings[0]!;
        },
      });
      results.add(orderings.join());
      expect(picture.every((value) => value >= 0 && value <= 255)).toBe(true);
    }
    expect([...results].sort()).toEqual(['0', '1', '2', '3']);
  });
});
