import { readFileSync } from 'node:fs';
import type { Random } from '@graftjs/core';
import { formulaImage, smoothImage } from '@graftjs/core/testing';
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

/** The fixture's image: its first row is grey, black, white, red, green, blue. */
function source(): Float32Array {
  const values = new Float32Array(formulaImage('colours', 6, 6));
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
      const image = source();
      adjustBrightness(image, shift);
      adjust[op](image, value);
      expectClose(image, values, 2e-3);
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
    const image = new Float32Array(smoothImage('identity', 20, 20));
    const before = image.slice();
    adjust[op](image, value);
    expectClose(image, before, 1e-3);
  });

  it('hue by a third of the circle turns red to green to blue', () => {
    const image = new Float32Array([200, 10, 50]);
    adjustHue(image, 1 / 3);
    expectClose(image, [50, 200, 10], 1e-3);
    adjustHue(image, 1 / 3);
    expectClose(image, [10, 50, 200], 1e-3);
  });

  it('saturation by 0 leaves the largest channel as grey', () => {
    const image = new Float32Array([200, 10, 50]);
    adjustSaturation(image, 0);
    expectClose(image, [200, 200, 200], 1e-3);
  });

  it('contrast keeps the mean of each channel', () => {
    const image = new Float32Array(smoothImage('mean', 20, 20));
    const mean = (values: Float32Array, c: number) =>
      values.filter((_, i) => i % 3 === c).reduce((sum, value) => sum + value / 400, 0);
    const before = [0, 1, 2].map((c) => mean(image, c));
    adjustContrast(image, 0.5);
    before.forEach((value, c) => {
      expect(Math.abs(mean(image, c) - value)).toBeLessThan(1e-2);
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
    const image = source();
    distortColors(image, random);
    expect(draws).toEqual([]);
    expectClose(image, expected.values, 5e-3);
  });

  it('draws every ordering, and stays within 0 to 255', () => {
    const results = new Set<string>();
    for (let key = 0; key < 100; key++) {
      const orderings: number[] = [];
      const stream = createRandom(key);
      const image = source();
      distortColors(image, {
        uniform: () => stream.uniform(),
        below(limit) {
          orderings.push(stream.below(limit));
          return orderings[0]!;
        },
      });
      results.add(orderings.join());
      expect(image.every((value) => value >= 0 && value <= 255)).toBe(true);
    }
    expect([...results].sort()).toEqual(['0', '1', '2', '3']);
  });
});
