import type { Optimizer } from '@graftjs/core';

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

interface MomentumOptions {
  /** Default 0.9. */
  readonly momentum?: number;
}

/** `a = momentum * a + g; w -= rate * a`, as `tf.train.MomentumOptimizer`. */
export function momentum(options: MomentumOptions = {}): Optimizer {
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

/** `a = momentum * a + g; w -= rate * (g + momentum * a)`, as `tf.train.MomentumOptimizer` with `use_nesterov`. */
export function nesterov(options: MomentumOptions = {}): Optimizer {
  const momentum = float32(options.momentum ?? 0.9);
  return {
    name: 'nesterov',
    slots: [{ name: 'Momentum', initial: 0 }],
    scalars: [],
    update(weights, gradient, slots, learningRate) {
      const accumulated = slots[0]!;
      const rate = float32(learningRate);
      for (let i = 0; i < weights.length; i++) {
        const g = gradient[i]!;
        const a = momentum * accumulated[i]! + g;
        accumulated[i] = a;
        weights[i]! -= rate * (g + momentum * a);
      }
    },
  };
}
