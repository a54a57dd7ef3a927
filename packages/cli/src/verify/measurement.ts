import { elementCount } from '@graftjs/core';
import type { RecordedTensor } from './oracle.js';

/** What is compared of a tensor: its mean and L2 norm over all elements, and its values at some places. */
export type Measurement = Pick<RecordedTensor, 'mean' | 'norm' | 'values'>;

/** Measures a tensor as oracle files record one. */
export function measure(values: Float32Array, at: readonly number[]): Measurement {
  let [sum, squares] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    sum += values[i]!;
    squares += values[i]! * values[i]!;
  }
  return { mean: sum / values.length, norm: Math.sqrt(squares), values: at.map((place) => values[place]!) };
}

/**
 * The largest difference between two measurements of a recorded tensor, of a value, the mean or the root of the mean
 * square, relative to the tensor's scale, which is its norm / sqrt(count). Infinity where something is not a number, or
 * where the scale is 0 and they differ.
 */
export function distance(a: Measurement, b: Measurement, recorded: RecordedTensor): number {
  const root = Math.sqrt(elementCount(recorded.shape));
  const scale = recorded.norm / root;
  const differences = a.values.map((value, index) => value - b.values[index]!);
  differences.push(a.mean - b.mean, (a.norm - b.norm) / root);
  let largest = 0;
  for (const difference of differences) {
    const relative = difference === 0 ? 0 : Math.abs(difference) / scale;
    if (!(relative <= largest)) largest = Number.isFinite(relative) ? relative : Number.POSITIVE_INFINITY;
  }
  return largest;
}
