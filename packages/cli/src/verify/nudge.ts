/**
 * Multiplies every value by 1 + (u - 0.5) * 2^-22, u uniform in [0, 1): a movement by float32's epsilon, 2^-23, at most,
 * which is one or two units in the last place. The same seed moves them in the same way.
 */
export function nudge(values: Float32Array, seed: number): void {
  let state = seed || 1;
  for (let i = 0; i < values.length; i++) {
    // Marsaglia's xorshift of 32 bits.
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    values[i] = values[i]! * (1 + ((state >>> 0) / 2 ** 32 - 0.5) * 2 ** -22);
  }
}
