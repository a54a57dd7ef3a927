import { describe, expect, it } from 'vitest';
import { comparePredictions } from './compare-predictions.js';

const softmax = (logits: readonly number[]) => {
  const sum = logits.reduce((total, logit) => total + Math.exp(logit), 0);
  return logits.map((logit) => Math.exp(logit) / sum);
};
const logits = [3, -1, 0.5, 0, 0, 9];
const exact = [...softmax(logits.slice(0, 3)), ...softmax(logits.slice(3))];
const compare = (probabilities: readonly number[]) =>
  comparePredictions(Float32Array.from(logits), Float32Array.from(probabilities), 3);

describe('a comparison', () => {
  it('finds no difference but rounding where there is none, whatever is added to all logits', () => {
    expect(compare(exact).share).toBeLessThan(1e-7);
    const shifted = comparePredictions(
      Float32Array.from(logits, (x) => x + 64),
      Float32Array.from(exact),
      3,
    );
    expect(shifted.share).toBeLessThan(1e-6);
  });

  it('finds the largest, as a share of the largest logarithm, also of an unlikely class', () => {
    // The logarithms of the second image's are -9.0002, -9.0002 and -0.0002.
    const found = compare(exact.with(3, exact[3]! * Math.exp(0.9)).with(0, exact[0]! * Math.exp(0.3)));
    expect(found).toMatchObject({ image: 1, class: 0 });
    expect(found.share).toBeCloseTo(0.9 / 9.0002, 5);
    expect(found.expected).toBeCloseTo(exact[3]!, 9);
    expect(found.received).toBeCloseTo(exact[3]! * Math.exp(0.9), 7);
  });

  it('leaves out what float32 cannot tell from zero, but not a zero in the place of something', () => {
    const far = Float32Array.of(0, -200, -5);
    const probabilities = softmax([...far]);
    expect(comparePredictions(far, Float32Array.from(probabilities.with(1, 0)), 3).share).toBeLessThan(1e-6);
    const missing = comparePredictions(far, Float32Array.from(probabilities.with(2, 0)), 3);
    expect(missing).toMatchObject({ class: 2, received: 0 });
    expect(missing.share).toBeGreaterThan(10);
  });

  it('is without end where a probability is no number', () => {
    expect(compare(exact.with(4, Number.NaN))).toMatchObject({
      share: Number.POSITIVE_INFINITY,
      image: 1,
      class: 1,
      received: Number.NaN,
    });
  });
});
