import { RunError } from '@graftjs/core';

/**
 * The class of each pixel: the one with the largest logit; of equal ones the lower index, as in `tf.argmax`.
 * @param logits `[..., classes]`, row-major: of an image `[height, width, classes]`
 * @param classes at most 255, since 255 is void
 * @returns a byte for each pixel
 * @throws RunError `run/not-finite` where a logit is NaN or infinite
 */
export function mostLikelyClasses(logits: Float32Array, classes: number): Uint8Array {
  const result = new Uint8Array(logits.length / classes);
  for (let pixel = 0, at = 0; pixel < result.length; pixel++) {
    let largest = Number.NEGATIVE_INFINITY;
    let index = 0;
    // Minus itself, a number is 0, and NaN or an infinity is NaN.
    let zero = 0;
    for (let i = 0; i < classes; i++) {
      const logit = logits[at++]!;
      zero += logit - logit;
      if (logit > largest) {
        largest = logit;
        index = i;
      }
    }
    if (zero !== 0) throw notFinite(pixel);
    result[pixel] = index;
  }
  return result;
}

function notFinite(pixel: number): RunError {
  return new RunError(
    'run/not-finite',
    `The network gives logits that are no numbers, first for pixel ${pixel}: its weights are those of a training that went ` +
      'wrong. Use an earlier checkpoint, or train with a lower learning rate.',
    { details: { pixel } },
  );
}
