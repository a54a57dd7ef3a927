import { expect, it } from 'vitest';
import { nudge } from './nudge.js';

it('moves values by one unit in the last place at most, up and down, the same for the same seed', () => {
  const original = Float32Array.from({ length: 2000 }, (_, i) => (i % 2 ? -1 : 1) * 1.37 ** ((i % 200) - 100));
  const bits = (values: Float32Array) => new Int32Array(values.buffer);
  const moved = Float32Array.from(original);
  nudge(moved, 7);
  const units = bits(moved).map((bit, i) => bit - bits(original)[i]!);
  expect(new Set(units)).toEqual(new Set([-1, 0, 1]));
  const again = Float32Array.from(original);
  nudge(again, 7);
  expect(again).toEqual(moved);
  const other = Float32Array.from(original);
  nudge(other, 8);
  expect(other).not.toEqual(moved);
});
