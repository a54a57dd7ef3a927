import { formulaImage } from '@graftjs/core/testing';
import { expect, it } from 'vitest';
import { flip } from './flip.js';

it.each([
  [3, 4],
  [2, 5],
  [4, 1],
])('mirrors %i x %i left to right, and twice is nothing', (height, width) => {
  const before = new Float32Array(formulaImage('flip', height, width));
  const values = before.slice();
  flip(values, height, width);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++) {
        expect(values[(y * width + x) * 3 + c]).toBe(before[(y * width + width - 1 - x) * 3 + c]);
      }
    }
  }
  flip(values, height, width);
  expect(values).toEqual(before);
});
