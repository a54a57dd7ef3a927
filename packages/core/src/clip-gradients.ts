/** Elements whose squares are added up before they join the others. */
export const squaresChunk = 2 ** 15;

/**
 * The sum of the squares of all elements, in float64: of each `squaresChunk` of them, and then of these sums, so that it has
 * the same bits where an array is worked on chunk by chunk.
 */
export function sumOfSquares(values: Float32Array): number {
  let sum = 0;
  for (let from = 0; from < values.length; from += squaresChunk) {
    const to = Math.min(from + squaresChunk, values.length);
    // Four sums, none of which waits for the others.
    let a = 0;
    let b = 0;
    let c = 0;
    let d = 0;
    let i = from;
    for (; i + 3 < to; i += 4) {
      const v0 = values[i]!;
      const v1 = values[i + 1]!;
      const v2 = values[i + 2]!;
      const v3 = values[i + 3]!;
      a += v0 * v0;
      b += v1 * v1;
      c += v2 * v2;
      d += v3 * v3;
    }
    for (; i < to; i++) a += values[i]! * values[i]!;
    sum += a + b + (c + d);
  }
  return sum;
}

/** Holds every element from `-clipValue` to `clipValue`, in place, as `tf.clip_by_value`. NaN stays. */
export function clipByValue(gradient: Float32Array, clipValue: number): void {
  for (let i = 0; i < gradient.length; i++) {
    const g = gradient[i]!;
    if (g > clipValue) gradient[i] = clipValue;
    else if (g < -clipValue) gradient[i] = -clipValue;
  }
}

/**
 * What to multiply all gradients by so that their norm is at most `clipNorm`, as `tf.clip_by_global_norm`: 1 where it is,
 * NaN where it is NaN or infinite.
 * @param squares the sum of the squares of all elements of all gradients
 */
export function clipScale(squares: number, clipNorm: number): number {
  const norm = Math.sqrt(squares);
  if (norm <= clipNorm) return 1;
  return Number.isFinite(norm) ? clipNorm / norm : Number.NaN;
}
