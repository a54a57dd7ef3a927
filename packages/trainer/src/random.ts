import type { Random } from '@graftjs/core';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';

/** murmur3's finalizer: every bit of a 32-bit integer reaches every bit of the result. */
function mix(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** 2^32 divided by the golden ratio: as a step between starting points, it keeps them far apart. */
const golden = 0x9e3779b9;

/**
 * A stream of random numbers for a tuple of keys, such as seed, epoch and image: the same keys give the same stream on
 * every machine, and streams of different keys are unrelated, whatever was drawn from others before. Each of the four
 * words of xoroshiro128+'s state is a hash of all the keys in order, from a starting point of its own.
 * @param keys integers, of which the lower 32 bits count
 */
export function createRandom(...keys: readonly number[]): Random {
  const state = [1, 2, 3, 4].map((word) => keys.reduce((hash, key) => mix(hash ^ key), mix(word * golden)));
  const generator = xoroshiro128plusFromState(state);
  return {
    uniform: () => uniformFloat64(generator),
    below: (limit) => uniformInt(generator, 0, limit - 1),
  };
}

/** The numbers from 0 to below `count` in random order (Fisher and Yates, in Durstenfeld's form). */
export function shuffled(count: number, random: Random): Uint32Array {
  const order = new Uint32Array(count);
  for (let i = 0; i < count; i++) order[i] = i;
  for (let i = count - 1; i > 0; i--) {
    const other = random.below(i + 1);
    const kept = order[i]!;
    order[i] = order[other]!;
    order[other] = kept;
  }
  return order;
}
