import { firstNotFinite } from './first-not-finite.js';

/** How far a file's probabilities are from what the trainer's logits say. */
export interface Difference {
  /** Of logarithms of probabilities, as a share of the largest one's size. */
  readonly share: number;
  /** Where it is largest. */
  readonly image: number;
  readonly class: number;
  readonly expected: number;
  readonly received: number;
}

/** Logarithms below this are left out: there float32 has ever fewer digits, and soon none. */
const leastLogarithm = -80;

/** Stands for a probability of zero. */
const leastProbability = Math.exp(2 * leastLogarithm);

/** What is subtracted from logits to make them logarithms of probabilities. */
function logSumOf(logits: Float32Array): number {
  const most = logits.reduce((so, logit) => Math.max(so, logit));
  return most + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - most), 0));
}

/**
 * Compares probabilities with the softmax of logits, by their logarithms: so the unlikely classes count as much as the
 * likely ones.
 * @param logits `[images, classes]`, as are the probabilities
 * @returns the largest difference; a share of infinity where a probability is NaN or infinite
 */
export function comparePredictions(logits: Float32Array, probabilities: Float32Array, classes: number): Difference {
  const differenceAt = (place: number, expected: number, share: number): Difference => ({
    share,
    image: Math.floor(place / classes),
    class: place % classes,
    expected: Math.exp(expected),
    received: probabilities[place]!,
  });
  const wrong = firstNotFinite(probabilities);
  let [scale, largest, place, expectedThere] = [0, 0, 0, 0];
  for (let start = 0; start < logits.length; start += classes) {
    const logSum = logSumOf(logits.subarray(start, start + classes));
    for (let i = start; i < start + classes; i++) {
      const expected = logits[i]! - logSum;
      if (i === wrong) return differenceAt(i, expected, Number.POSITIVE_INFINITY);
      if (expected < leastLogarithm) continue;
      scale = Math.max(scale, -expected);
      const difference = Math.abs(Math.log(Math.max(probabilities[i]!, leastProbability)) - expected);
      if (difference > largest) [largest, place, expectedThere] = [difference, i, expected];
    }
  }
  return differenceAt(place, expectedThere, largest / Math.max(scale, Number.MIN_VALUE));
}
