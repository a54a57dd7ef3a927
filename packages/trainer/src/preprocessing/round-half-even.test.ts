import { expect, it } from 'vitest';
import { roundHalfEven } from './round-half-even.js';

it.each([
  [0.5, 0],
  [1.5, 2],
  [2.5, 2],
  [2.4999, 2],
  [2.5001, 3],
  [7, 7],
  [-0.5, 0],
])('rounds %d to %i', (value, expected) => {
  expect(roundHalfEven(value)).toBe(expected);
});
