import { readFileSync } from 'node:fs';
import { elementCount } from '@graftjs/core';
import { describe, expect, it } from 'vitest';
import { resnetBackbones } from './index.js';

type Shapes = Readonly<Record<string, readonly number[]>>;

/** What the frameworks themselves say: model by source, then shape by name. */
const { shapes } = JSON.parse(readFileSync(new URL('../fixtures/foreign_networks.json', import.meta.url), 'utf8')) as {
  shapes: Readonly<Record<string, Readonly<Record<string, Shapes>>>>;
};

const counterparts: Readonly<Record<string, string>> = {
  resnet50: 'resnet_v1b_50',
  resnet101: 'resnet_v1b_101',
  resnet152: 'resnet_v1b_152',
  ResNet50: 'resnet_v1_keras_50',
  ResNet152: 'resnet_v1_keras_152',
  ResNet50V2: 'resnet_v2_keras_50',
  ResNet152V2: 'resnet_v2_keras_152',
};
const cases = Object.entries(shapes).flatMap(([source, models]) =>
  Object.entries(models).map(([model, expected]) => ({ source, model, name: counterparts[model]!, expected })),
);
const backboneOf = (name: string) => resnetBackbones.find((backbone) => backbone.name === name)!;
const mapsOf = (name: string) => backboneOf(name).nameMaps ?? [];

it.each(cases)(
  '$name has the names and shapes of $source’s $model, and each variable one of them',
  ({ source, name, expected }) => {
    const { tensors } = mapsOf(name).find((map) => map.source === source)!;
    const { variables } = backboneOf(name).build();
    const found = variables.flatMap((variable): [string, number[]][] => {
      const { name: tensor, axes, minus } = tensors[variable.name]!;
      const sizes = axes.map((axis) => elementCount([axis].flat().map((one) => variable.shape[one]!)));
      expect(axes.flat().sort(), variable.name).toEqual(variable.shape.map((_, axis) => axis));
      return [[tensor, sizes], ...(minus === undefined ? [] : [[minus, sizes] as [string, number[]]])];
    });
    expect(Object.keys(tensors)).toHaveLength(variables.length);
    // What PyTorch counts besides is of no use here.
    const wanted = Object.entries(expected).filter(([tensor]) => !tensor.endsWith('.num_batches_tracked'));
    expect(Object.fromEntries(found)).toEqual(Object.fromEntries(wanted));
  },
);

describe('networks of which there is no counterpart', () => {
  it.each(['resnet_v1_50', 'resnet_original_50', 'resnet_v2_50'])('%s has no foreign names', (name) =>
    expect(mapsOf(name)).toEqual([]),
  );
});

it('the names of Keras 2 are those of Keras 3 with :0', () => {
  for (const name of ['resnet_v1_keras_50', 'resnet_v2_keras_50']) {
    const [three, two] = ['keras', 'keras 2'].map((source) => mapsOf(name).find((map) => map.source === source)!);
    const ended = Object.entries(three!.tensors).map(([variable, foreign]) => [
      variable,
      {
        ...foreign,
        name: `${foreign.name}:0`,
        ...(foreign.minus !== undefined && { minus: `${foreign.minus}:0` }),
      },
    ]);
    expect(two!.tensors).toEqual(Object.fromEntries(ended));
  }
});
