import type { Optimizer } from '@graftjs/core';
import type { Weights } from './weights.js';

const slot = 'ExponentialMovingAverage';

/** The name that `tf.train.ExponentialMovingAverage` gives the average of a variable. */
export const averageName = (variable: string): string => `${variable}/${slot}`;

/**
 * The optimizer, and after each update of weights their moving average, `a -= (1 - d) * (a - w)`: as
 * `tf.train.ExponentialMovingAverage(decay, global_step)` in TF-Slim's `train_image_classifier.py`. After n updates d is
 * `min(decay, (1 + n) / (10 + n))`; the average starts as the weights before the first. It is one more slot, and the
 * number of updates one more scalar, where TensorFlow has `global_step`.
 * @param decay from 0 to below 1
 */
export function withMovingAverages(optimizer: Optimizer, decay: number): Optimizer {
  const places = [optimizer.slots.length, optimizer.scalars.length] as const;
  return {
    ...optimizer,
    slots: [...optimizer.slots, { name: slot, initial: 0 }],
    scalars: [...optimizer.scalars, { name: `${slot}/num_updates`, initial: 0 }],
    update(weights, gradient, slots, learningRate, scalars, weightDecay) {
      const average = slots[places[0]]!;
      const before = scalars[places[1]]!;
      if (before === 0) average.set(weights);
      const inner = [slots.slice(0, places[0]), scalars.subarray(0, places[1])] as const;
      optimizer.update(weights, gradient, inner[0], learningRate, inner[1], weightDecay);
      const rest = 1 - Math.fround(Math.min(decay, (2 + before) / (11 + before)));
      for (let i = 0; i < weights.length; i++) average[i]! -= rest * (average[i]! - weights[i]!);
    },
    advance(scalars) {
      optimizer.advance?.(scalars.subarray(0, places[1]));
      scalars[places[1]]! += 1;
    },
  };
}

function exchange(weights: Weights): void {
  for (const name of weights.variables.keys()) {
    if (!weights.variables.has(averageName(name))) continue;
    const kept = weights.read(name);
    weights.write(name, weights.read(averageName(name)));
    weights.write(averageName(name), kept);
  }
}

/** Does some work while every variable that has an average has its value; without averages, just the work. */
export async function usingAverages<T>(weights: Weights, work: () => Promise<T>): Promise<T> {
  exchange(weights);
  try {
    return await work();
  } finally {
    exchange(weights);
  }
}
