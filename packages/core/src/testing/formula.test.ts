import { expect, it } from 'vitest';
import { fnv1a, formulaImage, formulaRandom, formulaVariable, uniform } from './formula.js';

// Computed by the formula's first implementation, in Python.
it('gives the numbers of the formula', () => {
  expect(fnv1a('vgg_16/conv1/conv1_1/weights')).toBe(2888399253);
  expect([...uniform('vgg_16/conv1/conv1_1/weights', 3)]).toEqual([
    0.5443620416335762, 0.10797700099647045, 0.08625584375113249,
  ]);
  const random = formulaRandom('vgg_16/conv1/conv1_1/weights');
  expect([random.below(10), random.uniform(), random.below(100)]).toEqual([5, 0.10797700099647045, 8]);
  const weights = formulaVariable('vgg_16/conv1/conv1_1/weights', [3, 3, 3, 64]);
  expect([...weights.subarray(0, 3)]).toEqual([0.041824933, -0.369602829, -0.390081733].map(Math.fround));
  expect([...formulaImage('vgg_16:image0', 1, 2)]).toEqual([239, 6, 103, 62, 240, 191]);
});
