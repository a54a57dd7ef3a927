import { expect, it } from 'vitest';
import { resolveClassWeights } from './class-weights.js';

const classes = ['red', 'green', 'blue', 'toString'];
const labels = Int32Array.of(0, 0, 0, 0, 1, 2, 2, 1, 0, 0);

it('balanced gives every class that has images the same sum, and is scikit-learn’s formula', () => {
  // sklearn.utils.class_weight.compute_class_weight('balanced', classes=[0, 1, 2], y=labels) of the three that there are.
  const three = resolveClassWeights('balanced', classes.slice(0, 3), labels)!;
  expect([...three]).toEqual([10 / 18, 10 / 6, 10 / 6].map(Math.fround));
  const sums = [0, 0, 0];
  for (const label of labels) sums[label]! += three[label]!;
  for (const sum of sums) expect(sum).toBeCloseTo(10 / 3, 6);
  expect(resolveClassWeights('balanced', classes, labels)!.every(Number.isFinite)).toBe(true);
});

it('none is none; names give weights, and 1 to the others', () => {
  expect(resolveClassWeights('none', classes, labels)).toBeUndefined();
  expect([...resolveClassWeights({ blue: 2.5, red: 0.5 }, classes, labels)!]).toEqual([0.5, 1, 2.5, 1]);
  expect([...resolveClassWeights({}, classes, labels)!]).toEqual([1, 1, 1, 1]);
});

it('refuses a name that is no class', () => {
  expect(() => resolveClassWeights({ pink: 2 }, classes, labels)).toThrow(
    "There is no class 'pink'. Accepted: red, green, blue, toString.",
  );
});
