import { readFileSync } from 'node:fs';
import { elementCount, GraftError } from '@graftjs/core';
import { backboneContract, checkGraph } from '@graftjs/core/testing';
import { describe, expect, it } from 'vitest';
import { vggBackbones } from './index.js';

const named = (name: string) => vggBackbones.find((backbone) => backbone.name === name)!;

for (const backbone of vggBackbones) {
  describe(backbone.name, () => {
    for (const { name, run } of backboneContract(backbone, { size: 32, width: 0.25 })) it(name, run);
  });
}

describe('the networks are the paper’s and Slim’s', () => {
  // Table 2 of the paper gives them in millions: 133, 133, 134, 138, 144. The exact figures are torchvision's for the
  // four that it has; C is D less the eight ninths of three 3x3 convolutions.
  it.each([
    ['vgg_a', 132863336],
    ['vgg_a_lrn', 132863336],
    ['vgg_b', 133047848],
    ['vgg_c', 138357544 - 8 * (256 * 256 + 2 * 512 * 512)],
    ['vgg_16', 138357544],
    ['vgg_19', 143667240],
  ])('%s has %i parameters', (name, parameters) => {
    const { variables } = named(name).build();
    expect(variables.reduce((sum, { shape }) => sum + elementCount(shape), 0)).toBe(parameters);
  });

  it.each(['vgg_a', 'vgg_16'])('%s has Slim’s variables and end points, in Slim’s order', (name) => {
    const oracle = JSON.parse(readFileSync(new URL(`../../../oracles/forward/${name}.json`, import.meta.url), 'utf8'));
    checkGraph(named(name).build(), oracle);
  });

  it('normalizes after the first convolution of A-LRN alone', () => {
    const where = vggBackbones.map(({ name, build }) => [
      name,
      build().nodes.flatMap((node) => (node.op === 'lrn' ? [node.inputs[0]] : [])),
    ]);
    expect(Object.fromEntries(where.filter(([, nodes]) => nodes!.length > 0))).toEqual({
      vgg_a_lrn: ['vgg_a_lrn/conv1/conv1_1/Relu'],
    });
  });
});

describe('other sizes', () => {
  const shapeOf = (options: { size?: number; width?: number; head?: string; classes?: number }, variable: string) =>
    named('vgg_16')
      .build(options)
      .variables.find(({ name }) => name === `vgg_16/${variable}/weights`)?.shape;

  it('fc6 is size / 32 rounded down', () => {
    expect(shapeOf({ size: 32 }, 'fc6')).toEqual([1, 1, 512, 4096]);
    expect(shapeOf({ size: 100 }, 'fc6')).toEqual([3, 3, 512, 4096]);
  });
  it('the width multiplies all channels but the classes', () => {
    expect(shapeOf({ size: 32, width: 0.25 }, 'conv1/conv1_2')).toEqual([3, 3, 16, 16]);
    expect(shapeOf({ size: 32, width: 0.25 }, 'fc7')).toEqual([1, 1, 1024, 1024]);
    expect(shapeOf({ size: 32, width: 0.25, classes: 10 }, 'fc8')).toEqual([1, 1, 1024, 10]);
  });
  it('the pooled head has one layer', () => {
    expect(shapeOf({ head: 'pooled', classes: 10 }, 'logits')).toEqual([1, 1, 512, 10]);
    expect(shapeOf({ head: 'pooled' }, 'fc6')).toBeUndefined();
  });
  it('an image too small is refused with the smallest that fits', () => {
    expect(() => named('vgg_16').build({ size: 31 })).toThrow(GraftError);
    expect(() => named('vgg_16').build({ size: 31 })).toThrow(/at least 32, and 31 came/);
  });
});
