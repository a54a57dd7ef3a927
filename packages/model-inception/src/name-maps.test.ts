import { readFileSync } from 'node:fs';
import { elementCount } from '@graftjs/core';
import { describe, expect, it } from 'vitest';
import { inceptionBackbones } from './index.js';

type Shapes = Readonly<Record<string, readonly number[]>>;

/** What the frameworks themselves say: shape by name. */
const { shapes } = JSON.parse(readFileSync(new URL('../fixtures/foreign_networks.json', import.meta.url), 'utf8')) as {
  shapes: Readonly<Record<'torchvision' | 'keras', Shapes>>;
};
const backboneOf = (name: string) => inceptionBackbones.find((backbone) => backbone.name === name)!;
const mapOf = (name: string, source: string) => backboneOf(name).nameMaps!.find((map) => map.source === source)!;

it.each([
  ['inception_v3b', 'torchvision', 484],
  ['inception_v3', 'keras', 378],
] as const)('%s has the names and shapes of %s', (name, source, count) => {
  const { tensors } = mapOf(name, source);
  const { variables } = backboneOf(name).build({ classes: 1000 });
  const found = variables.flatMap((variable): [string, number[]][] => {
    const foreign = tensors[variable.name];
    if (!foreign) return [];
    const sizes = foreign.axes.map((axis) => elementCount([axis].flat().map((one) => variable.shape[one]!)));
    return [[foreign.name, sizes]];
  });
  expect(found).toHaveLength(count);
  // What PyTorch counts besides is of no use here.
  const wanted = Object.entries(shapes[source]).filter(([tensor]) => !tensor.endsWith('.num_batches_tracked'));
  expect(Object.fromEntries(found)).toEqual(Object.fromEntries(wanted));
});

describe('sources', () => {
  it('the names of timm are torchvision’s, and those of Keras 2 Keras’s with :0', () => {
    expect(mapOf('inception_v3b', 'timm').tensors).toEqual(mapOf('inception_v3b', 'torchvision').tensors);
    const ended = Object.entries(mapOf('inception_v3', 'keras').tensors).map(([variable, foreign]) => [
      variable,
      { ...foreign, name: `${foreign.name}:0` },
    ]);
    expect(mapOf('inception_v3', 'keras 2').tensors).toEqual(Object.fromEntries(ended));
  });

  it('have no auxiliary layers in Keras, and nothing of versions 1 and 2', () => {
    const mapped = Object.keys(mapOf('inception_v3', 'keras').tensors);
    expect(mapped.filter((name) => name.includes('AuxLogits'))).toEqual([]);
    expect(inceptionBackbones.slice(0, 2).flatMap(({ nameMaps }) => nameMaps)).toEqual([]);
  });
});
