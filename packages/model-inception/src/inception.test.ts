import { readFileSync } from 'node:fs';
import { GraftError, summarize } from '@graftjs/core';
import { backboneContract, checkGraph } from '@graftjs/core/testing';
import { describe, expect, it } from 'vitest';
import { inceptionBackbones } from './index.js';

const named = (name: string) => inceptionBackbones.find((backbone) => backbone.name === name)!;

for (const backbone of inceptionBackbones) {
  describe(backbone.name, () => {
    // An auxiliary layer is named by what the size of the images leaves for it: foreign names are of the network's own size.
    for (const { name, run } of backboneContract(backbone, { width: 0.25 })) it(name, run);
  });
}

describe('the networks are Slim’s', () => {
  it.each(['inception_v1', 'inception_v2', 'inception_v3'])(
    '%s has Slim’s parameters, variables and end points, in Slim’s order',
    (name) => {
      const oracle = JSON.parse(
        readFileSync(new URL(`../../../oracles/forward/${name}.json`, import.meta.url), 'utf8'),
      );
      const graph = named(name).build();
      expect(summarize(graph).trainableParameters).toBe(oracle.parameters);
      checkGraph(graph, oracle);
    },
  );

  it('inception_v3b has as many parameters as torchvision’s', () => {
    expect(summarize(named('inception_v3b').build()).trainableParameters).toBe(27161264);
  });

  it('decays all weights but those of the separable convolution', () => {
    const { variables } = named('inception_v2').build();
    const decayed = variables.filter((variable) => variable.decayed).map(({ name }) => name);
    expect(decayed).toEqual(variables.map(({ name }) => name).filter((name) => name.endsWith('/weights')));
    expect(variables.map(({ name }) => name)).toContain('InceptionV2/Conv2d_1a_7x7/depthwise_weights');
  });
});

describe('the auxiliary layers of version 3', () => {
  it('have a loss of weight 0.4, follow the classes and belong to the head', () => {
    const graph = named('inception_v3').build({ classes: 7 });
    const [auxiliary, ...others] = graph.auxiliary;
    expect(others).toEqual([]);
    expect(auxiliary).toEqual({ output: graph.endPoints.AuxLogits, weight: 0.4 });
    expect(graph.nodes.find(({ name }) => name === auxiliary!.output)!.shape).toEqual([7]);
    expect(graph.headScopes).toEqual(['InceptionV3/Logits', 'InceptionV3/AuxLogits']);
    expect(named('inception_v1').build().auxiliary).toEqual([]);
  });

  it.each([
    [75, [1, 1, 128, 768]],
    [150, [1, 1, 128, 768]],
    [224, [3, 3, 128, 768]],
    [299, [5, 5, 128, 768]],
    [400, [5, 5, 128, 768]],
  ])('of images of %i pixels have a window of what these leave, named by it', (size, shape) => {
    const { variables } = named('inception_v3').build({ size });
    const name = `InceptionV3/AuxLogits/Conv2d_2a_${shape[0]}x${shape[1]}/weights`;
    expect(variables.find((variable) => variable.name === name)?.shape).toEqual(shape);
  });
});

it('an image too small is refused with the smallest that fits', () => {
  expect(() => named('inception_v3').build({ size: 74 })).toThrow(GraftError);
  expect(() => named('inception_v3').build({ size: 74 })).toThrow(/at least 75 pixels, and 74 came/);
});
