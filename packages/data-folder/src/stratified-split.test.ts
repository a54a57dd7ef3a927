import { describe, expect, it } from 'vitest';
import { drawTestPictures } from './stratified-split.js';

const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `picture-${i}.jpg`);

describe('drawTestPictures', () => {
  it.each([
    [1, 0],
    [2, 1],
    [3, 1],
    [7, 1],
    [8, 2],
    [12, 2],
    [13, 3],
    [1000, 200],
  ])('of %i pictures draws %i', (count, drawn) => {
    const test = drawTestPictures('cat', names(count), 0);
    expect(test.size).toBe(drawn);
    expect(names(count)).toEqual(expect.arrayContaining([...test]));
  });

  it('does not depend on the order of the names', () => {
    const sorted = names(50);
    expect(drawTestPictures('cat', sorted.toReversed(), 3)).toEqual(drawTestPictures('cat', sorted, 3));
  });

  it('draws others for another seed and another class', () => {
    const drawn = drawTestPictures('cat', names(100), 0);
    expect(drawTestPictures('cat', names(100), 1)).not.toEqual(drawn);
    expect(drawTestPictures('dog', names(100), 0)).not.toEqual(drawn);
  });

  it('draws every picture equally often over many seeds', () => {
    const counts = new Map(names(10).map((name) => [name, 0]));
    for (let seed = 0; seed < 1000; seed++) {
      for (const name of drawTestPictures('cat', names(10), seed)) counts.set(name, counts.get(name)! + 1);
    }
    // 200 expected; the standard deviation is 12.6.
    for (const count of counts.values()) expect(Math.abs(count - 200)).toBeLessThan(64);
  });

  it('moves at most one picture out when one is added', () => {
    const before = drawTestPictures('cat', names(100), 0);
    const after = drawTestPictures('cat', [...names(100), 'another.jpg'], 0);
    expect([...before].filter((name) => !after.has(name)).length).toBeLessThanOrEqual(1);
  });
});
