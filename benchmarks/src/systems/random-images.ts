import { createRandom } from '@graftjs/trainer';

/** Images of noise, NHWC bytes, and a class of 1000 for each. */
export function randomImages(count: number, size: number): { inputs: Uint8Array; labels: Int32Array } {
  const random = createRandom(1);
  return {
    inputs: Uint8Array.from({ length: count * size * size * 3 }, () => random.below(256)),
    labels: Int32Array.from({ length: count }, () => random.below(1000)),
  };
}

/** Images of noise and a class of `classes` for each of their pixels. */
export function randomMasks(count: number, size: number, classes: number): { inputs: Uint8Array; masks: Uint8Array } {
  const random = createRandom(2);
  const masks = Uint8Array.from({ length: count * size * size }, () => random.below(classes));
  return { inputs: randomImages(count, size).inputs, masks };
}
