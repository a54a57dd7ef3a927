import { expect, it } from 'vitest';
import { nudge } from './nudge.js';

it.each([2, 32])(
  'moves values by %d times the epsilon of float32 at most, up and down, the same for the same draw',
  (limit) => {
    const original = Float32Array.from({ length: 2000 }, (_, i) => (i % 2 ? -1 : 1) * 1.37 ** ((i % 200) - 100));
    const moved = Float32Array.from(original);
    nudge(moved, 'w', { draw: 7, limit });
    const movements = Array.from(moved, (value, i) => value / original[i]! - 1);
    // Half a unit of the last place, which is 2^-24 at most, is added by rounding to float32.
    expect(Math.max(...movements.map(Math.abs))).toBeLessThan(limit * 2 ** -23 + 2 ** -24);
    expect(Math.max(...movements.map(Math.abs))).toBeGreaterThan(limit * 2 ** -24);
    expect(movements.filter((movement) => movement > 0).length).toBeGreaterThan(500);
    expect(movements.filter((movement) => movement < 0).length).toBeGreaterThan(500);
    const again = Float32Array.from(original);
    nudge(again, 'w', { draw: 7, limit });
    expect(again).toEqual(moved);
    const other = Float32Array.from(original);
    nudge(other, 'w', { draw: 8, limit });
    expect(other).not.toEqual(moved);
    const another = Float32Array.from(original);
    nudge(another, 'v', { draw: 7, limit });
    expect(another).not.toEqual(moved);
  },
);
