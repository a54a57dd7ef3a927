import { expect, it } from 'vitest';
import { Rate } from './rate.js';

it('is the mean over the last five seconds', () => {
  const rate = new Rate();
  expect(rate.update(100, 1000)).toBeUndefined();
  expect(rate.update(300, 2000)).toBe(200);
  for (let second = 3; second <= 20; second++) rate.update(300, 1000 * second);
  expect(rate.update(300, 21_000)).toBe(0);
  expect(rate.update(1300, 22_000)).toBe(200);
});
