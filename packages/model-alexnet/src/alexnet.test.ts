import { readFileSync } from 'node:fs';
import { GraftError, summarize } from '@graftjs/core';
import { backboneContract, checkGraph } from '@graftjs/core/testing';
import { describe, expect, it } from 'vitest';
import { alexnetBackbones } from './index.js';

const named = (name: string) => alexnetBackbones.find((backbone) => backbone.name === name)!;

for (const backbone of alexnetBackbones) {
  describe(backbone.name, () => {
    for (const { name, run } of backboneContract(backbone, { size: 67, width: 0.25 })) it(name, run);
  });
}

describe('the networks are those of their papers and libraries', () => {
  // As Slim, torchvision and, for that of 2012, Caffe (`bvlc_alexnet`) count them.
  it.each([
    ['alexnet_v2', 50303912],
    ['alexnet_v2b', 61100840],
    ['alexnet_original', 60965224],
  ])('%s has %i parameters', (name, parameters) => {
    expect(summarize(named(name).build()).parameters).toBe(parameters);
  });

  it.each(['alexnet_v2', 'alexnet_original'])('%s has TensorFlow’s variables and end points, in order', (name) => {
    const oracle = JSON.parse(readFileSync(new URL(`../../../oracles/forward/${name}.json`, import.meta.url), 'utf8'));
    checkGraph(named(name).build(), oracle);
  });

  it('start with the biases that the paper and Slim say', () => {
    const biases = (name: string) =>
      named(name)
        .build()
        .variables.flatMap((variable) => {
          const { initializer } = variable;
          return initializer.kind === 'constant' ? [initializer.value] : [];
        });
    expect(biases('alexnet_v2')).toEqual([...new Array(7).fill(0.1), 0]);
    // conv2, conv4, conv5, fc6 and fc7.
    expect(biases('alexnet_original')).toEqual([0, 1, 0, 1, 1, 1, 1, 0]);
  });
});

it('an image too small is refused with the smallest that fits', () => {
  expect(() => named('alexnet_v2').build({ size: 66 })).toThrow(GraftError);
  expect(() => named('alexnet_v2').build({ size: 66 })).toThrow(/at least 67 pixels, and 66 came/);
});
