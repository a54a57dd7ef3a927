import { expect, it } from 'vitest';
import { vocPalette } from './voc-palette.js';

it("has the development kit's colours", () => {
  // As the kit's own masks of its 21 classes have them.
  const published = [
    [0, 0, 0],
    [128, 0, 0],
    [0, 128, 0],
    [128, 128, 0],
    [0, 0, 128],
    [128, 0, 128],
    [0, 128, 128],
    [128, 128, 128],
    [64, 0, 0],
    [192, 0, 0],
    [64, 128, 0],
    [192, 128, 0],
    [64, 0, 128],
    [192, 0, 128],
    [64, 128, 128],
    [192, 128, 128],
    [0, 64, 0],
    [128, 64, 0],
    [0, 192, 0],
    [128, 192, 0],
    [0, 64, 128],
  ];
  expect(vocPalette.slice(0, 21)).toEqual(published);
  expect(vocPalette[255]).toEqual([224, 224, 192]);
  expect(new Set(vocPalette.map(String)).size).toBe(256);
});
