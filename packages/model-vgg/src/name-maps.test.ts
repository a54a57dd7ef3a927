import { readFileSync } from 'node:fs';
import { elementCount } from '@graftjs/core';
import { describe, expect, it } from 'vitest';
import { vggBackbones } from './index.js';

type Shapes = Readonly<Record<string, readonly number[]>>;

/** What the frameworks themselves say: model by source, then shape by name. */
const { shapes } = JSON.parse(readFileSync(new URL('../fixtures/foreign_networks.json', import.meta.url), 'utf8')) as {
  shapes: Readonly<Record<string, Readonly<Record<string, Shapes>>>>;
};

const counterparts = { vgg_a: 'vgg11', vgg_b: 'vgg13', vgg_16: 'vgg16', vgg_19: 'vgg19' };
const cases = Object.entries(shapes).flatMap(([source, models]) =>
  Object.entries(counterparts).flatMap(([name, model]) =>
    models[model] ? [{ source, name, expected: models[model] }] : [],
  ),
);
const mapsOf = (name: string) => vggBackbones.find((backbone) => backbone.name === name)!.nameMaps ?? [];

it.each(cases)(
  '$name has the names and shapes of $source, and each variable one of them',
  ({ source, name, expected }) => {
    const { tensors } = mapsOf(name).find((map) => map.source === source)!;
    const { variables } = vggBackbones.find((backbone) => backbone.name === name)!.build();
    const found = variables.map((variable): [string, number[]] => {
      const foreign = tensors[variable.name]!;
      const sizes = foreign.axes.map((axes) => elementCount([axes].flat().map((axis) => variable.shape[axis]!)));
      expect(foreign.axes.flat().sort(), variable.name).toEqual(variable.shape.map((_, axis) => axis));
      return [foreign.name, sizes];
    });
    expect(Object.keys(tensors)).toHaveLength(variables.length);
    expect(Object.fromEntries(found)).toEqual(expected);
  },
);

/** What tensorflowjs_converter makes of them: shape by name, for images of 32 pixels. */
const graphModels: Readonly<Record<string, Shapes>> = JSON.parse(
  readFileSync(new URL('../fixtures/graph_models.json', import.meta.url), 'utf8'),
);

it.each(Object.entries(graphModels))("a graph-model has all of %s by Keras's names", (name, expected) => {
  const { tensors } = mapsOf(name).find((map) => map.source === 'keras graph')!;
  const { variables } = vggBackbones.find((backbone) => backbone.name === name)!.build({ size: 32 });
  const found = variables.map((variable): [string, number[]] => {
    const foreign = tensors[variable.name]!;
    return [foreign.name, foreign.axes.map((axes) => elementCount([axes].flat().map((axis) => variable.shape[axis]!)))];
  });
  expect(Object.fromEntries(found)).toEqual(expected);
});

describe('networks of which there is no counterpart', () => {
  it.each(['vgg_a_lrn', 'vgg_c'])('%s has no foreign names', (name) => expect(mapsOf(name)).toEqual([]));
});

it('the names of Keras 2 are those of Keras 3 with :0', () => {
  for (const name of ['vgg_16', 'vgg_19']) {
    const [three, two] = ['keras', 'keras 2'].map((source) => mapsOf(name).find((map) => map.source === source)!);
    const ended = Object.entries(three!.tensors).map(([variable, foreign]) => [
      variable,
      { ...foreign, name: `${foreign.name}:0` },
    ]);
    expect(two!.tensors).toEqual(Object.fromEntries(ended));
  }
});
