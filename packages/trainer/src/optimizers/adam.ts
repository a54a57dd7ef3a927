import type { Optimizer } from '@graftjs/core';

// TensorFlow keeps an optimizer's constants in float32. It shows where a beta near 1 is taken from 1: tf.train.AdamOptimizer
// does so in float32, Keras in Python's float64, and the second moments are 5e-5 of themselves apart.
const float32 = Math.fround;

interface AdamOptions {
  /** Default 0.9. */
  readonly beta1?: number;
  /** Default 0.999. */
  readonly beta2?: number;
  /** Default 1e-8 for `adam`, 1e-7 for `adamw`. */
  readonly epsilon?: number;
}

interface Constants extends Required<AdamOptions> {
  /** 1 - beta1 and 1 - beta2. */
  readonly rests: readonly [number, number];
}

/** What Adam and AdamW do to a variable and to the scalars. */
function adamSteps(constants: Constants): Pick<Optimizer, 'scalars' | 'update' | 'advance'> {
  const beta1 = float32(constants.beta1);
  const beta2 = float32(constants.beta2);
  const epsilon = float32(constants.epsilon);
  const [rest1, rest2] = [float32(constants.rests[0]), float32(constants.rests[1])];
  return {
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
 * Adam (Kingma and Ba, arXiv:1412.6980) in the form of `tf.train.AdamOptimizer`: epsilon is the paper's "epsilon hat",
 * added to the root of the uncorrected second moment. The scalars `beta1_power` and `beta2_power` are `beta^(n + 1)`
 * after n updates.
 */
export function adam({ beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 }: AdamOptions = {}): Optimizer {
  return {
    name: 'adam',
    slots: [
      { name: 'Adam', initial: 0 },
      { name: 'Adam_1', initial: 0 },
    ],
    ...adamSteps({ beta1, beta2, epsilon, rests: [1 - float32(beta1), 1 - float32(beta2)] }),
  };
}

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter, arXiv:1711.05101) in the form of `tf.keras.optimizers.AdamW`:
 * `w -= rate * weightDecay * w`, then Adam's step. (`tf.contrib`'s leaves the rate out of the first.) Slots have the names
 * that `tf.contrib` gives them.
 */
export function adamw({ beta1 = 0.9, beta2 = 0.999, epsilon = 1e-7 }: AdamOptions = {}): Optimizer {
  const steps = adamSteps({ beta1, beta2, epsilon, rests: [1 - beta1, 1 - beta2] });
  return {
    name: 'adamw',
    slots: [
      { name: 'AdamW', initial: 0 },
      { name: 'AdamW_1', initial: 0 },
    ],
    ...steps,
    decoupledDecay: true,
    update(weights, gradient, slots, learningRate, scalars, weightDecay) {
      const decay = float32(learningRate) * float32(weightDecay);
      if (decay !== 0) for (let i = 0; i < weights.length; i++) weights[i]! -= decay * weights[i]!;
      steps.update(weights, gradient, slots, learningRate, scalars, 0);
    },
  };
}
