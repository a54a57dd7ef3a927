import { expect, it } from 'vitest';
import { ModeComparer } from './compare-modes.js';

/** Logits of two classes whose cross-entropy for class 0 is `loss`. */
function logitsOf(losses: readonly number[]): Float32Array {
  return Float32Array.from(losses.flatMap((loss) => [0, Math.log(Math.expm1(loss))]));
}

function compare(training: readonly number[], inference: readonly number[]) {
  const comparer = new ModeComparer(2);
  comparer.add(logitsOf(training), logitsOf(inference), new Int32Array(training.length));
  return comparer.result();
}

const about = (value: number, spread: number, count: number) =>
  Array.from({ length: count }, (_, index) => value + (index % 2 === 0 ? spread : -spread));

it('gives the mean of both losses, over all batches', () => {
  const comparer = new ModeComparer(2);
  comparer.add(logitsOf([0.5, 1]), logitsOf([1, 2]), Int32Array.of(0, 0));
  comparer.add(logitsOf([0.75]), logitsOf([0.25]), Int32Array.of(0));
  const { trainingLoss, inferenceLoss } = comparer.result();
  expect(trainingLoss).toBeCloseTo(0.75, 6);
  expect(inferenceLoss).toBeCloseTo(3.25 / 3, 6);
  // The other class's loss, of the same logits.
  const other = new ModeComparer(2);
  other.add(Float32Array.of(0, 3), Float32Array.of(3, 0), Int32Array.of(1));
  expect(other.result().trainingLoss).toBeCloseTo(Math.log1p(Math.exp(-3)), 6);
  expect(other.result().inferenceLoss).toBeCloseTo(3 + Math.log1p(Math.exp(-3)), 6);
});

it.each([
  ['half as much again, and more than 0.1', about(1, 0, 8), about(1.52, 0.01, 8), true],
  ['less than half as much again', about(1, 0, 8), about(1.48, 0.01, 8), false],
  ['twice as much of little', about(0.1, 0, 8), about(0.19, 0.001, 8), false],
  ['many times as much, but not more than 0.1 of it', about(0.001, 0, 8), about(0.09, 0.001, 8), false],
  ['many times as much', about(0.001, 0, 8), about(0.12, 0.001, 8), true],
  ['less, as with dropout', about(2, 0, 8), about(1, 0.01, 8), false],
  // The standard error is 1 / sqrt(7) of eight, and 1 / sqrt(63) of sixty-four: twice that is 0.76 and 0.25.
  ['more by chance', about(1, 0, 8), about(1.7, 1, 8), false],
  ['more by no chance', about(1, 0, 64), about(1.7, 1, 64), true],
])('parts where the loss in use is %s: %#', (_, training, inference, expected) => {
  expect(compare(training, inference).part).toBe(expected);
});
