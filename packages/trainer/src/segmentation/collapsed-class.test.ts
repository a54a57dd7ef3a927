import { voidLabel } from '@graftjs/core';
import { expect, it } from 'vitest';
import { collapsedClass } from './collapsed-class.js';

const pixels = (...runs: readonly (readonly [count: number, label: number])[]): Uint8Array =>
  Uint8Array.from(runs.flatMap(([count, label]) => new Array<number>(count).fill(label)));

it.each<[string, number | undefined, Uint8Array, Uint8Array]>([
  ['all is taken for one', 0, pixels([700, 0], [300, 1]), pixels([1000, 0])],
  ['nearly all', 0, pixels([700, 0], [300, 1]), pixels([997, 0], [3, 1])],
  ['a little is told apart', undefined, pixels([700, 0], [300, 1]), pixels([996, 0], [4, 1])],
  ['a background of nearly everything', undefined, pixels([999, 0], [1, 1]), pixels([999, 0], [1, 1])],
  ['the class that all fell to is not there', 2, pixels([700, 0], [300, 1]), pixels([1000, 2])],
  ['void hides what it was taken for', 0, pixels([90, 0], [10, 1], [900, voidLabel]), pixels([100, 0], [900, 1])],
  ['there is one class alone', undefined, pixels([1000, 0]), pixels([1000, 0])],
  ['all is void', undefined, pixels([1000, voidLabel]), pixels([1000, 0])],
])('%s', (_, expected, truth, prediction) => {
  expect(collapsedClass(truth, prediction)).toBe(expected);
});
