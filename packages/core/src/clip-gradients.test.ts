import { expect, it } from 'vitest';
import { clipByValue, clipScale, squaresChunk, sumOfSquares } from './clip-gradients.js';
import { checkClose } from './testing/index.js';

/**
 * By TensorFlow 2.15.1: tf.clip_by_global_norm(gradients, 0.8), tf.clip_by_value(each, -0.25, 0.25), and the former with
 * 0.4 of the latter.
 */
const cases = [
  {
    gradients: [
      [0.3, -0.02, 1.5, 0],
      [2, -0.5],
    ],
    byNorm: [0.093487896, -0.00623252615, 0.467439473, 0, 0.62325263, -0.155813158],
    byValue: [0.25, -0.0199999996, 0.25, 0, 0.25, -0.25],
    byBoth: [0.199840203, -0.0159872156, 0.199840203, 0, 0.199840203, -0.199840203],
  },
  {
    gradients: [
      [-0.7, 0.11, 0.25, 1e-4],
      [0.01, 0.02],
    ],
    byNorm: [-0.699999988, 0.109999999, 0.25, 9.99999975e-5, 0.00999999978, 0.0199999996],
    byValue: [-0.25, 0.109999999, 0.25, 9.99999975e-5, 0.00999999978, 0.0199999996],
    byBoth: [-0.25, 0.109999999, 0.25, 9.99999975e-5, 0.00999999978, 0.0199999996],
  },
  {
    gradients: [
      [0.05, -3, 0.6, -2e-4],
      [-1.25, 0.3],
    ],
    byNorm: [0.0120522399, -0.723134398, 0.144626886, -4.82089563e-5, -0.301305979, 0.0723134428],
    byValue: [0.0500000007, -0.25, 0.25, -0.000199999995, -0.25, 0.25],
    byBoth: [0.0398014821, -0.199007407, 0.199007407, -0.000159205927, -0.199007407, 0.199007407],
  },
];

function clipped(
  gradients: readonly (readonly number[])[],
  { clipValue, clipNorm }: { readonly clipValue?: number; readonly clipNorm?: number },
): number[] {
  const arrays = gradients.map((values) => Float32Array.from(values));
  if (clipValue !== undefined) for (const array of arrays) clipByValue(array, clipValue);
  const squares = arrays.reduce((sum, array) => sum + sumOfSquares(array), 0);
  const scale = clipNorm === undefined ? 1 : clipScale(squares, clipNorm);
  return arrays.flatMap((values) => [...values].map((value) => value * scale));
}

it.each(cases)('clips as TensorFlow does: %#', ({ gradients, byNorm, byValue, byBoth }) => {
  checkClose(clipped(gradients, { clipNorm: 0.8 }), byNorm, 1e-6, 'by global norm');
  checkClose(clipped(gradients, { clipValue: 0.25 }), byValue, 1e-7, 'by value');
  checkClose(clipped(gradients, { clipValue: 0.25, clipNorm: 0.4 }), byBoth, 1e-6, 'by both');
  expect(clipped(gradients, {})).toEqual(gradients.flat().map(Math.fround));
});

it('tells of gradients that are no numbers, as TensorFlow does', () => {
  const infinite = [[Number.POSITIVE_INFINITY, 1], [0.5]];
  expect(clipped(infinite, { clipNorm: 1 })).toEqual([Number.NaN, Number.NaN, Number.NaN]);
  expect(clipped(infinite, { clipValue: 0.75 })).toEqual([0.75, 0.75, 0.5]);
  expect(clipped([[Number.NaN, 1], [0.5]], { clipNorm: 1 })).toEqual([Number.NaN, Number.NaN, Number.NaN]);
  expect(clipped([[Number.NaN, 1]], { clipValue: 0.5 })).toEqual([Number.NaN, 0.5]);
  expect(clipped([[0, 0]], { clipNorm: 1 })).toEqual([0, 0]);
});

it('adds up squares with the same bits, whole or chunk by chunk', () => {
  const values = Float32Array.from({ length: 3 * squaresChunk + 77 }, (_, i) => Math.sin(i) * 1000);
  let sum = 0;
  for (let from = 0; from < values.length; from += squaresChunk)
    sum += sumOfSquares(values.subarray(from, from + squaresChunk));
  expect(sumOfSquares(values)).toBe(sum);
  const exact = values.reduce((total, value) => total + value * value, 0);
  expect(Math.abs(sum / exact - 1)).toBeLessThan(1e-12);
});
