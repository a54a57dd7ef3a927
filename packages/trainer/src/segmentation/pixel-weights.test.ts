import { type MaskSplit, voidLabel } from '@graftjs/core';
import { expect, it } from 'vitest';
import { countPixels, resolvePixelWeights } from './pixel-weights.js';

const names = ['road', 'car', 'tree', 'boat'];
/** Six and four labelled pixels. */
const masks = [
  [0, 0, 0, 0, 1, 1, voidLabel, voidLabel],
  [0, 0, 2, 1],
];
const split: MaskSplit = {
  count: 2,
  id: String,
  size: (index) => ({ height: 1, width: masks[index]!.length }),
  read: async (index) => {
    const mask = Uint8Array.from(masks[index]!);
    return { data: new Uint8Array(mask.length * 3), mask, height: 1, width: mask.length };
  },
};
const count = () => countPixels(split, names.length);

it('pixels are counted by class, and all labelled ones of the images that a class is in', async () => {
  const done: number[] = [];
  const counts = await countPixels(split, names.length, { onProgress: (images) => done.push(images) });
  expect([...counts.own]).toEqual([6, 3, 1, 0]);
  expect([...counts.present]).toEqual([10, 10, 4, 0]);
  expect(done).toEqual([1, 2]);
});

it('balanced gives every class the same sum', async () => {
  const weights = await resolvePixelWeights('balanced', names, count);
  expect([...weights!]).toEqual([10 / 24, 10 / 12, 10 / 4, 10 / 4].map(Math.fround));
});

it('median is the median frequency over the class’s own', async () => {
  // Frequencies are 0.6, 0.3 and 0.25; of what does not occur nothing is asked.
  const weights = await resolvePixelWeights('median', names, count);
  expect([...weights!]).toEqual([0.3 / 0.6, 1, 0.3 / 0.25, 1].map(Math.fround));
});

it('none and given weights need no pixels', async () => {
  const never = () => Promise.reject(new Error('counted'));
  expect(await resolvePixelWeights('none', names, never)).toBeUndefined();
  expect([...(await resolvePixelWeights({ car: 4 }, names, never))!]).toEqual([1, 4, 1, 1]);
  await expect(resolvePixelWeights({ ship: 4 }, names, never)).rejects.toThrow("There is no class 'ship'");
});
