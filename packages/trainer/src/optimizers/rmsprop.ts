import type { Optimizer } from '@graftjs/core';

const float32 = Math.fround;

/**
 * RMSProp (Tieleman and Hinton's lecture 6.5) in the form of `tf.train.RMSPropOptimizer`, epsilon inside the root:
 * `s += (1 - decay) * (g^2 - s); a = momentum * a + rate * g / sqrt(s + epsilon); w -= a`. `s` starts at 1. The defaults
 * are those of TF-Slim's `train_image_classifier.py`.
 * @param options.decay default 0.9
 * @param options.momentum default 0.9
 * @param options.epsilon default 1
 */
export function rmsprop(
  options: { readonly decay?: number; readonly momentum?: number; readonly epsilon?: number } = {},
): Optimizer {
  const decay = float32(options.decay ?? 0.9);
  const momentum = float32(options.momentum ?? 0.9);
  const epsilon = float32(options.epsilon ?? 1);
  return {
    name: 'rmsprop',
    slots: [
      { name: 'RMSProp', initial: 1 },
      { name: 'RMSProp_1', initial: 0 },
    ],
    scalars: [],
    update(weights, gradient, slots, learningRate) {
      const [squares, accumulated] = slots as [Float32Array, Float32Array];
      const rate = float32(learningRate);
      for (let i = 0; i < weights.length; i++) {
        const g = gradient[i]!;
        const s = squares[i]! + (1 - decay) * (g * g - squares[i]!);
        const a = momentum * accumulated[i]! + (rate * g) / Math.sqrt(s + epsilon);
        squares[i] = s;
        accumulated[i] = a;
        weights[i]! -= a;
      }
    },
  };
}
