import type { Optimizer } from '@graftjs/core';

const float32 = Math.fround;

/**
 * Adadelta (Zeiler, arXiv:1212.5701) in the form of `tf.train.AdadeltaOptimizer`, whose defaults these are (TF-Slim's
 * script has an epsilon of 1): with `s` and `d` the running means of the squares of gradients and of steps,
 * `step = g * sqrt(d + epsilon) / sqrt(s + epsilon); w -= rate * step`. The paper's rate is 1.
 * @param options.rho default 0.95
 * @param options.epsilon default 1e-8
 */
export function adadelta(options: { readonly rho?: number; readonly epsilon?: number } = {}): Optimizer {
  const rho = float32(options.rho ?? 0.95);
  const epsilon = float32(options.epsilon ?? 1e-8);
  const rest = float32(1 - rho);
  return {
    name: 'adadelta',
    slots: [
      { name: 'Adadelta', initial: 0 },
      { name: 'Adadelta_1', initial: 0 },
    ],
    scalars: [],
    update(weights, gradient, slots, learningRate) {
      const [squares, steps] = slots as [Float32Array, Float32Array];
      const rate = float32(learningRate);
      for (let i = 0; i < weights.length; i++) {
        const g = gradient[i]!;
        const s = rho * squares[i]! + rest * g * g;
        const step = (g * Math.sqrt(steps[i]! + epsilon)) / Math.sqrt(s + epsilon);
        squares[i] = s;
        steps[i] = rho * steps[i]! + rest * step * step;
        weights[i]! -= rate * step;
      }
    },
  };
}
