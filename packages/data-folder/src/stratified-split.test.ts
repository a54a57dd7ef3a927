import { describe, expect, it } from 'vitest';
import { drawTestImages } from './stratified-split.js';

const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `image-${i}.jpg`);

describe('drawTestImages', () => {
  it.each([
    [1, 0],
    [2, 1],
    [3, 1],
    [7, 1],
    [8, 2],
    [12, 2],
    [13, 3],
    [1000, 200],
  ])('of %i images draws %i', (count, drawn) => {
    const test = drawTestImages('cat', names(count), 0);
    expect(test.size).toBe(drawn);
    expect(names(count)).toEqual(expect.arrayContaining([...test]));
  });

  it('does not depend on the order of the names', () => {
    const sorted = names(50);
    expect(drawTestImages('cat', sorted.toReversed(), 3)).toEqual(drawTestImages('cat', sorted, 3));
  });

  it('draws others for another seed and another class', () => {
    const drawn = drawTestImages('cat', names(100), 0);
    expect(drawTestImages('cat', names(100), 1)).not.toEqual(drawn);
    expect(drawTestImages('dog', names(100), 0)).not.toEqual(drawn);
  });

  it('draws every image equally often over many seeds', () => {
    const counts = new Map(names(10).map((name) => [name, 0]));
    for (let seed = 0; seed < 1000; seed++) {
      for (const name of drawTestImages('cat', names(10), seed)) counts.set(name, counts.get(name)! + 1);
    }
    // 200 expected; the standard deviation is 12.6.
    for (const count of counts.values()) expect(Math.abs(count - 200)).toBeLessThan(64);
  });

  it('moves at most one image out when one is added', () => {
    const before = drawTestImages('cat', names(100), 0);
    const after = drawTestImages('cat', [...names(100), 'another.jpg'], 0);
    expect([...before].filter((name) => !after.has(name)).length).toBeLessThanOrEqual(1);
  });
});
