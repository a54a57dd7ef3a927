import { createRandom } from '@graftjs/trainer';

/** Pictures of noise, NHWC bytes, and a class of 1000 for each. */
export function randomPictures(count: number, size: number): { inputs: Uint8Array; labels: Int32Array } {
  const random = createRandom(1);
  return {
    inputs: Uint8Array.from({ length: count * size * size * 3 }, () => random.below(256)),
    labels: Int32Array.from({ length: count }, () => random.below(1000)),
  };
}

/** Pictures of noise and a class of `classes` for each of their pixels. */
export function randomMasks(count: number, size: number, classes: number): { inputs: Uint8Array; masks: Uint8Array } {
  const random = createRandom(2);
  const masks = Uint8Array.from({ length: count * size * size }, () => random.below(classes));
  return { inputs: randomPictures(count, size).inputs, masks };
}
