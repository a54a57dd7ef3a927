import { describe, expect, it } from 'vitest';
import { createRandom, shuffled } from './random.js';

const draw = (keys: number[], count = 4): number[] => {
  const random = createRandom(...keys);
  return Array.from({ length: count }, () => random.uniform());
};

describe('createRandom', () => {
  it('gives the same stream for the same keys, and another for others', () => {
    expect(draw([1, 2, 3])).toEqual(draw([1, 2, 3]));
    const firsts = [[1, 2, 3], [1, 2, 4], [1, 3, 3], [2, 2, 3], [3, 2, 1], [1, 2], [1, 2, 3, 0], [0, 1, 2, 3], [], [0]];
    expect(new Set(firsts.map((keys) => draw(keys)[0])).size).toBe(firsts.length);
  });

  it('is uniform over the first number of many neighbouring streams', () => {
    // What a seed that is used unmixed gets wrong: the streams of images 0, 1, 2, ... would start alike.
    const bins = new Array<number>(16).fill(0);
    const coins = [0, 0];
    let product = 0;
    for (let index = 0; index < 16_000; index++) {
      const random = createRandom(0, 0, index);
      const value = random.uniform();
      bins[Math.floor(16 * value)]!++;
      coins[createRandom(0, 0, index).below(2)]!++;
      product += (value - 0.5) * (createRandom(0, 0, index + 1).uniform() - 0.5) * 12;
    }
    const chiSquare = bins.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    // 99.9% of chi-square with 15 degrees of freedom.
    expect(chiSquare).toBeLessThan(37.7);
    expect(Math.abs(coins[0]! - 8000)).toBeLessThan(4 * 63.2);
    expect(Math.abs(product / 16_000)).toBeLessThan(4 / Math.sqrt(16_000));
  });

  it('draws whole numbers below the limit, all equally often', () => {
    const random = createRandom(9);
    const counts = new Array<number>(7).fill(0);
    for (let i = 0; i < 14_000; i++) counts[random.below(7)]!++;
    expect(counts.length).toBe(7);
    for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(4 * 41.4);
    expect(random.below(1)).toBe(0);
  });

  it('draws from 0 to below 1', () => {
    const values = draw([3], 100_000);
    expect(values.every((value) => value >= 0 && value < 1)).toBe(true);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(Math.abs(mean - 0.5)).toBeLessThan(4 * 0.000913);
  });
});

describe('shuffled', () => {
  it('is a permutation, the same for the same keys', () => {
    const order = shuffled(1000, createRandom(1));
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    expect(shuffled(1000, createRandom(1))).toEqual(order);
    expect(shuffled(1000, createRandom(2))).not.toEqual(order);
    expect(shuffled(0, createRandom(1)).length).toBe(0);
  });

  it('gives every order equally often', () => {
    const counts = new Map<string, number>();
    for (let key = 0; key < 24_000; key++) {
      const order = shuffled(4, createRandom(key)).join();
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    // 99.9% of chi-square with 23 degrees of freedom.
    expect(chiSquare).toBeLessThan(49.7);
  });
});
