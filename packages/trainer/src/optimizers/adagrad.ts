import type { Optimizer } from '@graftjs/core';

const float32 = Math.fround;

/**
 * Adagrad (Duchi, Hazan and Singer 2011) in the form of `tf.train.AdagradOptimizer`: `s += g^2; w -= rate * g / sqrt(s)`.
 * @param options.initial what `s` starts at; default 0.1
 */
export function adagrad({ initial = 0.1 }: { readonly initial?: number } = {}): Optimizer {
  return {
    name: 'adagrad',
    slots: [{ name: 'Adagrad', initial }],
    scalars: [],
    update(weights, gradient, slots, learningRate) {
      const squares = slots[0]!;
      const rate = float32(learningRate);
      for (let i = 0; i < weights.length; i++) {
        const g = gradient[i]!;
        const s = squares[i]! + g * g;
        squares[i] = s;
        weights[i]! -= (rate * g) / Math.sqrt(s);
      }
    },
  };
}
