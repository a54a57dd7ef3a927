import type { Optimizer } from '@graftjs/core';

const float32 = Math.fround;

/**
 * FTRL-Proximal (McMahan et al. 2013, "Ad Click Prediction") in the form of `tf.train.FtrlOptimizer` with its defaults: a
 * learning rate power of -0.5 and no regularization of its own. With `n` the sum of squared gradients and `z` the linear
 * term, `z += g - (sqrt(n + g^2) - sqrt(n)) / rate * w; n += g^2; w = -rate * z / sqrt(n)`.
 *
 * Each update makes the weights anew of `n` and `z`, which do not know where they started: the first one takes weights
 * that came from a checkpoint most of the way to 0. A rate of 0, which TensorFlow refuses, changes nothing.
 * @param options.initial what `n` starts at; default 0.1
 */
export function ftrl({ initial = 0.1 }: { readonly initial?: number } = {}): Optimizer {
  return {
    name: 'ftrl',
    slots: [
      { name: 'Ftrl', initial },
      { name: 'Ftrl_1', initial: 0 },
    ],
    scalars: [],
    update(weights, gradient, slots, learningRate) {
      const [squares, linear] = slots as [Float32Array, Float32Array];
      const rate = float32(learningRate);
      if (rate === 0) return;
      for (let i = 0; i < weights.length; i++) {
        const g = gradient[i]!;
        const n = squares[i]!;
        // Rounded where TensorFlow rounds: the differences depend on it.
        const sum = float32(n + float32(g * g));
        const root = float32(Math.sqrt(sum));
        const growth = float32(float32(root - float32(Math.sqrt(n))) / rate);
        const z = float32(linear[i]! + float32(g - float32(growth * weights[i]!)));
        squares[i] = sum;
        linear[i] = z;
        weights[i] = (-z * rate) / root;
      }
    },
  };
}
