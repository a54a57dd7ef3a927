import { readFileSync } from 'node:fs';
import { GraftError, type Graph, summarize } from '@graftjs/core';
import { backboneContract, checkClose, checkGraph, formulaImage, formulaVariable } from '@graftjs/core/testing';
import { onnxEngine } from '@graftjs/engine-onnx';
import { describe, expect, it } from 'vitest';
import { resnetBackbones } from './index.js';

const named = (name: string) => resnetBackbones.find((backbone) => backbone.name === name)!;

for (const backbone of resnetBackbones) {
  describe(backbone.name, () => {
    for (const { name, run } of backboneContract(backbone, { size: 32, width: 0.25 })) it(name, run);
  });
}

describe('the networks are Slim’s', () => {
  // As torchvision and Slim count them; moving averages are left out.
  it.each([
    ['50', 25557032],
    ['101', 44549160],
    ['152', 60192808],
  ])('those of %s layers have %i parameters', (depth, parameters) => {
    for (const version of ['resnet_v1', 'resnet_original', 'resnet_v1b', 'resnet_v1_keras'])
      expect(summarize(named(`${version}_${depth}`).build()).trainableParameters).toBe(parameters);
  });

  // As Slim counts them, with 1001 classes; and as Keras counts them, moving averages among them.
  it.each([
    ['50', 25570409, 25613800],
    ['101', 44579945, 44675560],
    ['152', 60238953, 60380648],
  ])('those of version 2 and %s layers have %i and %i parameters', (depth, slim, keras) => {
    expect(summarize(named(`resnet_v2_${depth}`).build()).trainableParameters).toBe(slim);
    expect(summarize(named(`resnet_v2_keras_${depth}`).build()).parameters).toBe(keras);
  });

  it('resnet_v1_50 has Slim’s variables and end points, in Slim’s order', () => {
    const oracle = JSON.parse(
      readFileSync(new URL('../../../oracles/forward/resnet_v1_50.json', import.meta.url), 'utf8'),
    );
    checkGraph(named('resnet_v1_50').build(), oracle);
  });

  it('decays weights alone', () => {
    const decayed = named('resnet_v1_50')
      .build()
      .variables.filter((variable) => variable.decayed);
    expect(decayed).toHaveLength(54);
    expect(decayed.every(({ name }) => name.endsWith('/weights'))).toBe(true);
  });
});

describe('versions differ in what halves the image', () => {
  it.each([
    ['resnet_v1_50', ['block1/unit_3/conv2', 'block2/unit_4/conv2', 'block3/unit_6/conv2']],
    ['resnet_original_50', ['block2/unit_1/conv1', 'block3/unit_1/conv1', 'block4/unit_1/conv1']],
    ['resnet_v1b_50', ['block2/unit_1/conv2', 'block3/unit_1/conv2', 'block4/unit_1/conv2']],
    ['resnet_v1_keras_50', ['block2/unit_1/conv1', 'block3/unit_1/conv1', 'block4/unit_1/conv1']],
    ['resnet_v2_50', ['block1/unit_3/conv2', 'block2/unit_4/conv2', 'block3/unit_6/conv2']],
    ['resnet_v2_keras_50', ['block1/unit_3/conv2', 'block2/unit_4/conv2', 'block3/unit_6/conv2']],
  ])('%s: %j', (name, layers) => {
    const graph = named(name).build();
    const strided = graph.nodes.flatMap((node) =>
      node.op === 'conv2d' && node.strides[0] === 2 ? [node.name.replace(`${name}/`, '').replace('/Conv2D', '')] : [],
    );
    const inside = strided.filter((layer) => /conv\d$/.test(layer) && layer !== 'conv1');
    expect(inside.map((layer) => layer.replace(/bottleneck_v[12]\//, ''))).toEqual(layers);
  });
});

/** What the last block gives for one image, `[height, width, channels]`. */
async function features(graph: Graph, size: number): Promise<Float32Array> {
  const session = await onnxEngine.open(graph);
  for (const { name, shape } of graph.variables) session.write(name, formulaVariable(name, shape));
  const point = `${graph.name}/block4`;
  const result = await session.predict(formulaImage('image', size, size), 1, [point]);
  await session.close();
  return result.get(point)!;
}

describe('a smaller output stride', () => {
  // As resnet_v1_test.py of Slim: it is the same network, seen at more places.
  it.each(
    ['resnet_v1_50', 'resnet_original_50', 'resnet_v1b_50', 'resnet_v2_50'].flatMap((name) => [
      [name, 16],
      [name, 8],
      [name, 4],
    ]) as [string, number][],
  )('%s with %i gives the nominal features where these are', async (name, outputStride) => {
    const size = 65;
    const options = { size, width: 0.25 };
    const nominal = await features(named(name).build(options), size);
    const dense = await features(named(name).build({ ...options, outputStride }), size);
    const [places, step] = [Math.ceil(size / 32), 32 / outputStride];
    const width = Math.ceil(size / outputStride);
    const channels = nominal.length / places ** 2;
    expect(dense.length).toBe(width ** 2 * channels);
    const subsampled: number[] = [];
    for (let row = 0; row < places; row++)
      for (let column = 0; column < places; column++) {
        const at = (row * step * width + column * step) * channels;
        subsampled.push(...dense.subarray(at, at + channels));
      }
    checkClose(subsampled, nominal, 1e-4, 'the features');
  });

  it('of another size is refused', () => {
    expect(() => named('resnet_v1_50').build({ outputStride: 12 })).toThrow(GraftError);
    expect(() => named('resnet_v1_50').build({ outputStride: 12 })).toThrow(/4, 8, 16 or 32, and 12 came/);
  });
});
