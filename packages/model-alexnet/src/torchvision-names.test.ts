import { readFileSync } from 'node:fs';
import { elementCount } from '@graftjs/core';
import { expect, it } from 'vitest';
import { alexnetBackbones } from './index.js';

/** What torchvision itself says. */
const { shapes } = JSON.parse(readFileSync(new URL('../fixtures/foreign_networks.json', import.meta.url), 'utf8')) as {
  shapes: { torchvision: Record<string, number[]> };
};

it('alexnet_v2b has the names and shapes of torchvision’s alexnet, and no other has them', () => {
  const { build, nameMaps } = alexnetBackbones.find(({ name }) => name === 'alexnet_v2b')!;
  const found = build().variables.map((variable) => {
    const { name, axes } = nameMaps![0]!.tensors[variable.name]!;
    return [name, axes.map((axis) => elementCount([axis].flat().map((one) => variable.shape[one]!)))];
  });
  expect(Object.fromEntries(found)).toEqual(shapes.torchvision);
  expect(alexnetBackbones.filter((backbone) => backbone.nameMaps!.length > 0)).toHaveLength(1);
});
