import { expect, it } from 'vitest';
import { resolveMultipliers } from './multipliers.js';

const trained = ['net/conv1/weights', 'net/conv1/biases', 'net/conv10/weights', 'net/fc/weights'];

it('the longest scope counts, whatever their order', () => {
  const factors = { 'net/conv1/': 0.5, net: 0.1, 'net/conv1/biases': 2 };
  for (const multipliers of [factors, Object.fromEntries(Object.entries(factors).reverse())]) {
    expect(Object.fromEntries(resolveMultipliers(trained, multipliers))).toEqual({
      'net/conv1/weights': 0.5,
      'net/conv1/biases': 2,
      'net/conv10/weights': 0.1,
      'net/fc/weights': 0.1,
    });
  }
  expect(resolveMultipliers(trained, { 'net/fc': 10 })).toEqual(new Map([['net/fc/weights', 10]]));
});

it('refuses a scope of nothing that trains, and names the layers that do', () => {
  expect(() => resolveMultipliers(trained, { 'net/fc': 2, 'net/conv2': 3 })).toThrow(
    "There is a multiplier for 'net/conv2', and no variable that trains begins with it. Layers that train: net/conv1, net/conv10, net/fc.",
  );
});
