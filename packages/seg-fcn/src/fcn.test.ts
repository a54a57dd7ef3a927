import { readFileSync } from 'node:fs';
import { type Backbone, type Graph, GraphBuilder, type SegmenterOptions } from '@graftjs/core';
import { checkClose, formulaImage, formulaVariable, segmenterContract } from '@graftjs/core/testing';
import { onnxEngine } from '@graftjs/engine-onnx';
import { inceptionBackbones } from '@graftjs/model-inception';
import { resnetBackbones } from '@graftjs/model-resnet';
import { vggBackbones } from '@graftjs/model-vgg';
import { describe, expect, it } from 'vitest';
import { fcnSegmenters } from './index.js';

const backbone = (name: string) =>
  [...vggBackbones, ...resnetBackbones, ...inceptionBackbones].find((one) => one.name === name)!;
const segmenter = (name: string) => fcnSegmenters.find((one) => one.name === name)!;
const build = (name: string, options: SegmenterOptions = {}, on = backbone('vgg_16')) =>
  segmenter(name).build(on, options);

for (const name of ['vgg_16', 'resnet_v1_50', 'resnet_v2_50', 'resnet_v1b_50', 'inception_v1', 'inception_v3']) {
  for (const one of fcnSegmenters)
    for (const { name: law, run } of segmenterContract(one, backbone(name), { width: 0.1 })) it(law, run);
}

describe.each(['fcn_32s', 'fcn_16s', 'fcn_8s'])('%s', (name) => {
  const { gradients } = JSON.parse(
    readFileSync(new URL(`../../../oracles/fcn/${name}_96x128.json`, import.meta.url), 'utf8'),
  ) as { gradients: Record<string, { shape: number[] }> };

  it('has the variables of the oracle, in its order', () => {
    const { variables } = build(name, { classes: 11, learnedUpsampling: 'all' });
    expect(variables.map((variable) => [variable.name, variable.shape])).toEqual(
      Object.entries(gradients).map(([variable, { shape }]) => [variable, shape]),
    );
  });
});

describe('what is trained of the layers that enlarge', () => {
  const trained = (learnedUpsampling?: SegmenterOptions['learnedUpsampling']) =>
    build('fcn_8s', learnedUpsampling && { learnedUpsampling })
      .variables.filter(({ name, trainable }) => name.includes('/upscore') && trainable)
      .map(({ name }) => name);
  const inner = ['fcn_8s/upscore2/weights', 'fcn_8s/upscore_pool4/weights'];
  it('is all but the last', () => expect(trained()).toEqual(inner));
  it('is none', () => expect(trained('none')).toEqual([]));
  it('is all', () => expect(trained('all')).toEqual([...inner, 'fcn_8s/upscore8/weights']));
});

it('narrowed dense layers belong to the head', () => {
  const graph = build('fcn_16s', { denseChannels: 100 });
  const shapes = new Map(graph.variables.map(({ name, shape }) => [name, shape]));
  expect(shapes.get('vgg_16/fc6/weights')).toEqual([7, 7, 512, 100]);
  expect(shapes.get('vgg_16/fc7/weights')).toEqual([1, 1, 100, 100]);
  expect(graph.headScopes).toEqual(expect.arrayContaining(['vgg_16/fc6', 'vgg_16/fc7', 'fcn_16s/score_fr']));
});

/** Features at strides of 8, 16 and 32, small enough to be looked at closely; bytes of 128 are zeros to it. */
const tiny: Backbone = {
  name: 'tiny',
  description: 'for tests',
  defaults: { classes: 2, size: 64 },
  heads: ['mean'],
  preprocessing: 'vgg',
  levels: [8, 16, 32].map((stride) => ({ stride, endPoint: `tiny/pool${stride}` })),
  build({ classes = 2, size = 64, imageSize = [size, size] } = {}) {
    const graph = new GraphBuilder('tiny', { name: 'images', shape: [...imageSize, 3], dtype: 'uint8' });
    let net = graph.normalize(graph.input, { mean: [128, 128, 128], scale: 1 / 64 });
    net = graph.avgPool(net, { name: 'pool4', kernel: 4, strides: 4 });
    for (const stride of [8, 16, 32]) {
      net = graph.conv2d(net, { name: `conv${stride}`, channels: 6, kernel: 3, activation: 'none' });
      net = graph.maxPool(net, { name: `pool${stride}`, kernel: 2 });
    }
    net = graph.conv2d(graph.mean(net, { name: 'mean' }), { name: 'logits', channels: classes, kernel: 1 });
    return graph.build(graph.reshape(net, { name: 'squeezed', shape: [classes] }), ['logits']);
  },
};

async function logitsOf(graph: Graph, inputs: Uint8Array, values = formulaVariable): Promise<Float32Array> {
  const session = await onnxEngine.open(graph);
  for (const { name, shape } of graph.variables) session.write(name, values(name, shape));
  const logits = (await session.predict(inputs, 1)).get(graph.output)!;
  await session.close();
  return logits;
}

it.each(fcnSegmenters)('$name gives an image of odd size what it gives its place in a larger one', async ({ name }) => {
  const [height, width, classes] = [41, 90, 3];
  const [above, beside] = [11, 3]; // of 64 x 96, the odd line at the bottom
  const image = formulaImage('odd', height, width);
  const framed = new Uint8Array(64 * 96 * 3).fill(128);
  for (let y = 0; y < height; y++)
    framed.set(image.subarray(y * width * 3, (y + 1) * width * 3), ((y + above) * 96 + beside) * 3);
  const own = await logitsOf(build(name, { size: [height, width], classes }, tiny), image);
  const whole = await logitsOf(build(name, { size: [64, 96], classes }, tiny), framed);
  const expected = Array.from({ length: height }, (_, y) => {
    const start = ((y + above) * 96 + beside) * classes;
    return [...whole.subarray(start, start + width * classes)];
  });
  checkClose(own, expected.flat(), 1e-6, 'the logits');
});

it('makes finer features smaller where skips are scaled', async () => {
  const [size, classes] = [64, 3];
  const inputs = formulaImage('scaled', size, size);
  const factors = { 'fcn_8s/score_pool4/weights': 0.01, 'fcn_8s/score_pool3/weights': 0.0001 };
  const scaled = await logitsOf(build('fcn_8s', { size, classes, scaledSkips: true }, tiny), inputs);
  const plain = build('fcn_8s', { size, classes }, tiny);
  const same = await logitsOf(plain, inputs, (name, shape) => {
    const factor = (factors as Record<string, number>)[name] ?? 1;
    return formulaVariable(name, shape).map((value) => value * factor);
  });
  checkClose(scaled, same, 1e-5, 'the logits');
});

it('begins without a preference for any class', async () => {
  const graph = build('fcn_8s', { size: 64, classes: 3 }, tiny);
  const scores = graph.variables.filter(({ name }) => name.includes('/score_'));
  expect(scores).toHaveLength(6);
  for (const { initializer } of scores) expect(initializer).toEqual({ kind: 'constant', value: 0 });
});
