import { expect, it } from 'vitest';
import { passes } from './verification.js';

it('accepts the tolerance and twice the rounding, and nothing that is no number', () => {
  const check = { tensor: 'x', tolerance: 0.002 };
  expect(passes({ ...check, error: 0.002 })).toBe(true);
  expect(passes({ ...check, error: 0.0021 })).toBe(false);
  expect(passes({ ...check, error: 0.0021, rounding: 0.0001 })).toBe(true);
  expect(passes({ ...check, error: 0.0023, rounding: 0.0001 })).toBe(false);
  const infinity = Number.POSITIVE_INFINITY;
  expect(passes({ ...check, error: infinity, rounding: infinity })).toBe(false);
  expect(passes({ ...check, error: 0.0021, rounding: infinity })).toBe(false);
});
