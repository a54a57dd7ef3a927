import { expect, it } from 'vitest';
import { distance, measure } from './measurement.js';

const values = Float32Array.of(3, -4, 0, 0);
const recorded = { shape: [2, 2], at: [0, 1], ...measure(values, [0, 1]) };

it('measures the mean, the norm and the values at the places', () => {
  expect(measure(values, [1, 3])).toEqual({ mean: -0.25, norm: 5, values: [-4, 0] });
});

it('gives differences relative to norm / sqrt(count), of values, mean and norm apart', () => {
  const none = { value: 0, mean: 0, norm: 0 };
  expect(distance(recorded, recorded, recorded)).toEqual(none);
  expect(distance({ ...recorded, values: [3.5, -4] }, recorded, recorded)).toEqual({ ...none, value: 0.2 });
  expect(distance({ ...recorded, mean: 0.75 }, recorded, recorded)).toEqual({ ...none, mean: 0.4 });
  expect(distance({ ...recorded, norm: 5.5 }, recorded, recorded)).toEqual({ ...none, norm: 0.1 });
});

it('is infinite for what is no number, and for anything where the scale is 0', () => {
  const infinity = Number.POSITIVE_INFINITY;
  expect(distance({ ...recorded, values: [Number.NaN, -4] }, recorded, recorded).value).toBe(infinity);
  expect(distance({ ...recorded, norm: infinity }, recorded, recorded).norm).toBe(infinity);
  const endless = { ...recorded, norm: infinity };
  expect(distance(endless, endless, recorded).norm).toBe(infinity);
  const zero = { shape: [2, 2], at: [0], mean: 0, norm: 0, values: [0] };
  expect(distance({ mean: 0, norm: 0, values: [0] }, zero, zero)).toEqual({ value: 0, mean: 0, norm: 0 });
  expect(distance({ mean: 0, norm: 1e-9, values: [0] }, zero, zero).norm).toBe(infinity);
});
