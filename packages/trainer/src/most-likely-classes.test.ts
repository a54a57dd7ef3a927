import { RunError } from '@graftjs/core';
import { describe, expect, it } from 'vitest';
import { mostLikelyClasses } from './most-likely-classes.js';
import { createRandom } from './random.js';

describe('mostLikelyClasses', () => {
  it('gives the first of the largest logits of each pixel', () => {
    const random = createRandom(2);
    // In steps, so that some are equal.
    const logits = Float32Array.from({ length: 500 * 21 }, () => (random.below(9) - 4) / 2);
    const found = mostLikelyClasses(logits, 21);
    expect(found.length).toBe(500);
    for (const [pixel, index] of found.entries()) {
      const own = [...logits.subarray(pixel * 21, (pixel + 1) * 21)];
      expect(index).toBe(own.indexOf(Math.max(...own)));
    }
  });

  it('takes numbers of any size', () => {
    expect(mostLikelyClasses(Float32Array.of(-3e38, -3.2e38, 3e38, 3.2e38), 2)).toEqual(Uint8Array.of(0, 1));
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('names the pixel of %s', (value) => {
    const logits = new Float32Array(30);
    logits[3 * 4 + 1] = value;
    expect(() => mostLikelyClasses(logits, 3)).toThrow(RunError);
    expect(() => mostLikelyClasses(logits, 3)).toThrow('first for pixel 4');
  });
});
