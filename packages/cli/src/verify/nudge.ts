import { fnv1a } from '@graftjs/core/testing';

/** One of the random movements of all variables. */
export interface Movement {
  /** Which: the same one moves in the same way. */
  readonly draw: number;
  /** How far a value is moved at most, relative to it, in epsilons of float32, 2^-23. */
  readonly limit: number;
}

/**
 * Multiplies every value by 1 + d, d uniform between -limit and limit times epsilon. That stands for what rounding does inside
 * of a network: in training steps of ResNet-50 on 64 pixels the gradients of TensorFlow 2.15 in float32 are 1.4e-2 of their
 * scale away from those in float64 (the median of the root mean squares of all tensors), Graft's 0.7e-2, and the two 1.1e-2
 * from each other; movements of once epsilon make 0.6e-2, of four times 1.1e-2.
 * @param name of the variable: different ones are moved differently
 */
export function nudge(values: Float32Array, name: string, { draw, limit }: Movement): void {
  let state = fnv1a(`${draw}:${name}`) || 1;
  for (let i = 0; i < values.length; i++) {
    // Marsaglia's xorshift of 32 bits.
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    values[i] = values[i]! * (1 + ((state >>> 0) / 2 ** 31 - 1) * limit * 2 ** -23);
  }
}
