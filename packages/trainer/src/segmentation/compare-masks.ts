/** How far a file's masks are from what the trainer's logits say. */
export interface MaskDifference {
  /** By how much the logit of the file's class is below the largest of the pixel, as a share of the largest logit's size. */
  readonly share: number;
  /** Where that is largest. */
  readonly image: number;
  readonly pixel: number;
  /** Classes. */
  readonly expected: number;
  readonly received: number;
}

/**
 * Compares masks with logits: where rounding makes another class the most likely, the two must have been as good as equal.
 * @param logits `[images, pixels, classes]`
 * @param masks `[images, pixels]`
 * @param pixels of an image
 * @returns the largest difference; a share of infinity where a label is no class
 */
export function compareMasks(logits: Float32Array, masks: Uint8Array, pixels: number, classes: number): MaskDifference {
  let [scale, largest] = [0, 0];
  let found = { image: 0, pixel: 0, expected: 0, received: 0 };
  for (let i = 0; i < masks.length; i++) {
    let best = 0;
    for (let c = 0; c < classes; c++) {
      const logit = logits[i * classes + c]!;
      scale = Math.max(scale, Math.abs(logit));
      if (logit > logits[i * classes + best]!) best = c;
    }
    const received = masks[i]!;
    const below = received < classes ? logits[i * classes + best]! - logits[i * classes + received]! : Infinity;
    if (below <= largest) continue;
    largest = below;
    found = { image: Math.floor(i / pixels), pixel: i % pixels, expected: best, received };
  }
  return { share: largest / Math.max(scale, Number.MIN_VALUE), ...found };
}
