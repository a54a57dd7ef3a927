/** Murmur3's finalizer: mixes the bits of a 32-bit whole number. */
function mix(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/**
 * The mask of a dropout for some examples of a batch: `1 / keep` with probability `keep`, else 0. An element's draw
 * depends on the seed, the dropout and the example's place in the batch alone, so that it stays the same however the
 * batch is cut into pieces, and with every engine.
 * @param layer which dropout of the graph this is
 * @param first the place of the first example in the batch
 * @param size elements of one example
 * @returns `count` examples in TF-Slim's layout, images as `[height, width, channels]`
 */
export function dropoutMask(
  keep: number,
  seed: number,
  layer: number,
  first: number,
  count: number,
  size: number,
): Float32Array {
  const mask = new Float32Array(count * size);
  const scale = 1 / keep;
  const limit = keep * 2 ** 32;
  for (let example = 0; example < count; example++) {
    const key = mix(mix(seed ^ 0x9e3779b9) + mix(layer * 0x85ebca6b + first + example));
    const start = example * size;
    for (let i = 0; i < size; i++) {
      if (mix(mix(i + key) ^ key) >>> 0 < limit) mask[start + i] = scale;
    }
  }
  return mask;
}
