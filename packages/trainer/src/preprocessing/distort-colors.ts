import type { Random } from '@graftjs/core';

/** `tf.image.adjust_brightness` on values of 0 to 255, in place. `delta` is in units of the full range. */
export function adjustBrightness(values: Float32Array, delta: number): void {
  const shift = 255 * delta;
  for (let i = 0; i < values.length; i++) values[i]! += shift;
}

/** `tf.image.adjust_contrast`, in place: each channel's distances from its mean times `factor`. */
export function adjustContrast(values: Float32Array, factor: number): void {
  const sums = [0, 0, 0];
  for (let i = 0; i < values.length; i += 3) {
    sums[0]! += values[i]!;
    sums[1]! += values[i + 1]!;
    sums[2]! += values[i + 2]!;
  }
  const [red, green, blue] = sums.map((sum) => (sum / (values.length / 3)) * (1 - factor)) as [number, number, number];
  for (let i = 0; i < values.length; i += 3) {
    values[i] = values[i]! * factor + red;
    values[i + 1] = values[i + 1]! * factor + green;
    values[i + 2] = values[i + 2]! * factor + blue;
  }
}

/**
 * `tf.image.adjust_saturation`, in place: HSV's saturation times `factor`, at most 1. Hue and value stay, so each channel
 * keeps its share of the distance from the largest.
 */
export function adjustSaturation(values: Float32Array, factor: number): void {
  for (let i = 0; i < values.length; i += 3) {
    const red = values[i]!;
    const green = values[i + 1]!;
    const blue = values[i + 2]!;
    const largest = Math.max(red, green, blue);
    const range = largest - Math.min(red, green, blue);
    // As in TensorFlow, a colour that brightness has pushed to 0 or below turns grey.
    const change = largest <= 0 ? 0 : range === 0 ? 1 : Math.min(factor, largest / range);
    values[i] = largest - (largest - red) * change;
    values[i + 1] = largest - (largest - green) * change;
    values[i + 2] = largest - (largest - blue) * change;
  }
}

/** `tf.image.adjust_hue`, in place: HSV's hue turned by `delta` of the full circle. */
export function adjustHue(values: Float32Array, delta: number): void {
  for (let i = 0; i < values.length; i += 3) {
    const red = values[i]!;
    const green = values[i + 1]!;
    const blue = values[i + 2]!;
    const largest = Math.max(red, green, blue);
    const range = largest - Math.min(red, green, blue);
    if (range === 0) continue;
    let hue: number; // in sixths of the circle
    if (largest === red) hue = (green - blue) / range;
    else if (largest === green) hue = (blue - red) / range + 2;
    else hue = (red - green) / range + 4;
    hue += 6 * delta;
    values[i] = largest - range * distanceFromLargest(hue + 5);
    values[i + 1] = largest - range * distanceFromLargest(hue + 3);
    values[i + 2] = largest - range * distanceFromLargest(hue + 1);
  }
}

/** 0 where a channel is the largest, 1 where it is the smallest, by the hue in sixths from where the channel's rise begins. */
function distanceFromLargest(sixths: number): number {
  const turned = sixths - 6 * Math.floor(sixths / 6);
  return Math.max(0, Math.min(turned, 4 - turned, 1));
}

const between = (random: Random, low: number, high: number): number => low + random.uniform() * (high - low);

const brightness = (values: Float32Array, random: Random) =>
  adjustBrightness(values, between(random, -32 / 255, 32 / 255));
const saturation = (values: Float32Array, random: Random) => adjustSaturation(values, between(random, 0.5, 1.5));
const hue = (values: Float32Array, random: Random) => adjustHue(values, between(random, -0.2, 0.2));
const contrast = (values: Float32Array, random: Random) => adjustContrast(values, between(random, 0.5, 1.5));

/** Slim's, of which one is drawn for each image. */
const orderings = [
  [brightness, saturation, hue, contrast],
  [saturation, brightness, contrast, hue],
  [contrast, hue, brightness, saturation],
  [hue, saturation, contrast, brightness],
];

/** Slim's `distort_color` without its fast mode: the four distortions in a drawn order, then clipped to 0 to 255; in place. */
export function distortColors(values: Float32Array, random: Random): void {
  for (const distort of orderings[random.below(orderings.length)]!) distort(values, random);
  for (let i = 0; i < values.length; i++) values[i] = Math.min(Math.max(values[i]!, 0), 255);
}
