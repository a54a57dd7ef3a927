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

/** The root of the mean square of a tensor: norm / sqrt(count). */
export const scaleOf = ({ shape, norm }: RecordedTensor): number => norm / Math.sqrt(elementCount(shape));

/** How far two measurements of a tensor are apart, relative to its scale. */
export interface Distance {
  /** The largest difference of a value. */
  readonly value: number;
  readonly mean: number;
  /** Of the roots of the mean squares. */
  readonly norm: number;
}

/** Infinity where something is not a number, or where the scale is 0 and they differ. */
export function distance(
  a: Measurement,
  b: Measurement,
  recorded: RecordedTensor,
  scale = scaleOf(recorded),
): Distance {
  const root = Math.sqrt(elementCount(recorded.shape));
  const relative = (one: number, other: number) => {
    const difference = Math.abs(one - other);
    const result = difference === 0 ? 0 : difference / scale;
    return Number.isFinite(result) ? result : Number.POSITIVE_INFINITY;
  };
  return {
    value: Math.max(0, ...a.values.map((value, index) => relative(value, b.values[index]!))),
    mean: relative(a.mean, b.mean),
    norm: relative(a.norm / root, b.norm / root),
  };
}

/** The larger one of two distances, in each part. */
export const largerOf = (a: Distance, b: Distance): Distance => ({
  value: Math.max(a.value, b.value),
  mean: Math.max(a.mean, b.mean),
  norm: Math.max(a.norm, b.norm),
});
