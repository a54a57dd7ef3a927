import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../random.js';
import { drawDistortedBox } from './distorted-box.js';

type MeanAndDeviation = [mean: number, deviation: number];

interface BoxCase {
  /** Height and width of the image. */
  readonly of: [number, number];
  readonly draws: number;
  readonly area: MeanAndDeviation;
  readonly aspect: MeanAndDeviation;
  readonly height: MeanAndDeviation;
  readonly top: MeanAndDeviation;
  readonly left: MeanAndDeviation;
}

const { distortedBoxes } = JSON.parse(
  readFileSync(new URL('../../fixtures/preprocessing-steps.json', import.meta.url), 'utf8'),
) as { distortedBoxes: { cases: BoxCase[] } };

const draws = 20_000;
const quantities = ['area', 'aspect', 'height', 'top', 'left'] as const;

describe('drawDistortedBox', () => {
  it.each(distortedBoxes.cases)("is distributed as TensorFlow's crops of $of", (expected) => {
    const [height, width] = expected.of;
    const random = createRandom(height, width);
    const drawn: Record<(typeof quantities)[number], number[]> = {
      area: [],
      aspect: [],
      height: [],
      top: [],
      left: [],
    };
    for (let i = 0; i < draws; i++) {
      const box = drawDistortedBox(height, width, random);
      drawn.area.push((box.height * box.width) / (height * width));
      drawn.aspect.push(box.width / box.height);
      drawn.height.push(box.height);
      drawn.top.push(box.top);
      drawn.left.push(box.left);
    }
    for (const quantity of quantities) {
      const [mean, deviation] = expected[quantity];
      const ours = drawn[quantity].reduce((sum, value) => sum + value, 0) / draws;
      const squares = drawn[quantity].reduce((sum, value) => sum + (value - ours) ** 2, 0) / draws;
      // Five standard errors of a difference of two means.
      expect(Math.abs(ours - mean), quantity).toBeLessThan(5 * deviation * Math.sqrt(1 / draws + 1 / expected.draws));
      expect(Math.abs(Math.sqrt(squares) / deviation - 1), `${quantity}'s deviation`).toBeLessThan(0.03);
    }
  });

  it.each([
    [100, 100],
    [480, 640],
    [50, 300],
    [7, 5],
  ])('lies within an image of %i x %i, and keeps to the bounds of area and aspect', (height, width) => {
    const random = createRandom(1);
    for (let i = 0; i < 2000; i++) {
      const box = drawDistortedBox(height, width, random);
      expect(box.top >= 0 && box.left >= 0).toBe(true);
      expect(box.top + box.height <= height && box.left + box.width <= width).toBe(true);
      expect(box.height * box.width).toBeGreaterThanOrEqual(0.1 * height * width);
      if (box.height === height && box.width === width) continue;
      // The width is rounded to whole pixels.
      expect(box.width / box.height).toBeGreaterThan(0.75 - 0.5 / box.height - 1e-9);
      expect(box.width / box.height).toBeLessThan(1.33 + 0.5 / box.height + 1e-9);
    }
  });

  it.each([
    [1, 1],
    [1, 1000],
    [1000, 1],
    [4, 100],
  ])('is the whole of an image of %i x %i, of which no part fits', (height, width) => {
    expect(drawDistortedBox(height, width, createRandom(2))).toEqual({ top: 0, left: 0, height, width });
  });
});
