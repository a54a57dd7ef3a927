import type { Optimizer } from '@graftjs/core';

// TensorFlow keeps an optimizer's constants in float32. It shows where a beta near 1 is taken from 1: the second moment
// would otherwise be 1e-5 off the `beta2_power` that corrects it.
const float32 = Math.fround;

/** Gradient descent: `w -= rate * g`, as `tf.train.GradientDescentOptimizer`. */
export function sgd(): Optimizer {
  return {
    name: 'sgd',
    slots: [],
    scalars: [],
    update(weights, gradient, _slots, learningRate) {
      const rate = float32(learningRate);
      for (let i = 0; i < weights.length; i++) weights[i]! -= rate * gradient[i]!;
    },
  };
}

/**
 * `a = momentum * a + g; w -= rate * a`, as `tf.train.MomentumOptimizer` (without Nesterov).
 * @param options.momentum default 0.9
 */
export function momentum(options: { readonly momentum?: number } = {}): Optimizer {
  const momentum = float32(options.momentum ?? 0.9);
  return {
    name: 'momentum',
    slots: [{ name: 'Momentum', initial: 0 }],
    scalars: [],
    update(weights, gradient, slots, learningRate) {
      const accumulated = slots[0]!;
      const rate = float32(learningRate);
      for (let i = 0; i < weights.length; i++) {
        const a = momentum * accumulated[i]! + gradient[i]!;
        accumulated[i] = a;
        weights[i]! -= rate * a;
      }
    },
  };
}

/**
 * Adam (Kingma and Ba, arXiv:1412.6980) in the form of `tf.train.AdamOptimizer`: epsilon is the paper's "epsilon hat",
 * added to the root of the uncorrected second moment. The scalars `beta1_power` and `beta2_power` are `beta^(n + 1)`
 * after n updates.
 * @param options.beta1 default 0.9
 * @param options.beta2 default 0.999
 * @param options.epsilon default 1e-8
 */
export function adam(
  options: { readonly beta1?: number; readonly beta2?: number; readonly epsilon?: number } = {},
): Optimizer {
  const beta1 = float32(options.beta1 ?? 0.9);
  const beta2 = float32(options.beta2 ?? 0.999);
  const epsilon = float32(options.epsilon ?? 1e-8);
  // In float32, as TensorFlow subtracts: 1 - 0.999f is 5e-5 of itself away from 0.001.
  const [rest1, rest2] = [float32(1 - beta1), float32(1 - beta2)];
  return {
    name: 'adam',
    slots: [
      { name: 'Adam', initial: 0 },
      { name: 'Adam_1', initial: 0 },
    ],
    scalars: [
      { name: 'beta1_power', initial: beta1 },
      { name: 'beta2_power', initial: beta2 },
    ],
    update(weights, gradient, slots, learningRate, scalars) {
      const [first, second] = slots as [Float32Array, Float32Array];
      const rate = (float32(learningRate) * Math.sqrt(1 - scalars[1]!)) / (1 - scalars[0]!);
      for (let i = 0; i < weights.length; i++) {
        const g = gradient[i]!;
        const m = first[i]! + rest1 * (g - first[i]!);
        const v = second[i]! + rest2 * (g * g - second[i]!);
        first[i] = m;
        second[i] = v;
        weights[i]! -= (rate * m) / (Math.sqrt(v) + epsilon);
      }
    },
    advance(scalars) {
      scalars[0]! *= beta1;
      scalars[1]! *= beta2;
    },
  };
}

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

/** By the names that a run's config calls them by, each with its defaults. */
export const optimizers: Readonly<Record<string, () => Optimizer>> = { sgd, momentum, adam, rmsprop };
