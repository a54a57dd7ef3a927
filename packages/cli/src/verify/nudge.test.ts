import { expect, it } from 'vitest';
import { nudge } from './nudge.js';

it('moves values by twice the epsilon of float32 at most, up and down, the same for the same seed', () => {
  const original = Float32Array.from({ length: 2000 }, (_, i) => (i % 2 ? -1 : 1) * 1.37 ** ((i % 200) - 100));
  const moved = Float32Array.from(original);
  nudge(moved, 7);
  const movements = Array.from(moved, (value, i) => value / original[i]! - 1);
  // Half a unit of the last place, which is 2^-24 at most, is added by rounding to float32.
  expect(Math.max(...movements.map(Math.abs))).toBeLessThan(2 ** -22 + 2 ** -24);
  expect(Math.max(...movements.map(Math.abs))).toBeGreaterThan(2 ** -23);
  expect(movements.filter((movement) => movement > 0).length).toBeGreaterThan(500);
  expect(movements.filter((movement) => movement < 0).length).toBeGreaterThan(500);
  const again = Float32Array.from(original);
  nudge(again, 7);
  expect(again).toEqual(moved);
  const other = Float32Array.from(original);
  nudge(other, 8);
  expect(other).not.toEqual(moved);
});
