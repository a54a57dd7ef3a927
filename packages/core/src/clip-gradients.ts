import type { TrainingOptions } from './engine.js';

/**
 * Clips in place, as `tf.clip_by_value` from `-clipValue` to `clipValue`, then as `tf.clip_by_global_norm`: where the root of
 * the sum of all squares is above `clipNorm`, every element is scaled so that it is not. Where an element is NaN or, for
 * the norm, infinite, all become NaN. For engines.
 * @param gradients of all trained variables
 */
export function clipGradients(
  gradients: readonly Float32Array[],
  { clipValue, clipNorm }: Pick<TrainingOptions, 'clipValue' | 'clipNorm'>,
): void {
  if (clipValue !== undefined) {
    for (const gradient of gradients) {
      for (let i = 0; i < gradient.length; i++) {
        const g = gradient[i]!;
        if (g > clipValue) gradient[i] = clipValue;
        else if (g < -clipValue) gradient[i] = -clipValue;
      }
    }
  }
  if (clipNorm === undefined) return;
  let squares = 0;
  for (const gradient of gradients) for (let i = 0; i < gradient.length; i++) squares += gradient[i]! * gradient[i]!;
  const norm = Math.sqrt(squares);
  if (norm <= clipNorm) return;
  const scale = Number.isFinite(norm) ? clipNorm / norm : Number.NaN;
  for (const gradient of gradients) for (let i = 0; i < gradient.length; i++) gradient[i]! *= scale;
}
