import type { Graph } from '@graftjs/core';
import { vggBackbones } from '@graftjs/model-vgg';
import { expect, it } from 'vitest';
import { Layouts } from './layouts.js';
import { writeTrainingGraph } from './training-graph.js';

const vgg16 = vggBackbones.find(({ name }) => name === 'vgg_16')!.build({ size: 32, width: 0.25, dropout: 0 });

/** The step's ONNX file as text: names of operations and values stand in it as they are. */
function step(graph: Graph, scope: string) {
  const trainable = graph.variables.map(({ name }) => name).filter((name) => name.startsWith(scope));
  const { bytes, trained } = writeTrainingGraph(graph, new Layouts(graph), new Set(trainable));
  return { text: Buffer.from(bytes).toString('latin1'), trained };
}
const count = (text: string, what: string) => text.split(what).length - 1;

it('computes nothing below the lowest trained variable on the way back', () => {
  const head = step(vgg16, 'vgg_16/fc8');
  expect(head.trained).toEqual(['vgg_16/fc8/biases', 'vgg_16/fc8/weights']);
  // Neither a pooling nor a rectifier is turned around, and no convolution.
  for (const operation of ['MaxUnpool', 'ConvTranspose', 'Sign', 'MatMul'])
    expect(count(head.text, operation), operation).toBe(0);

  const upper = step(vgg16, 'vgg_16/conv5/conv5_2');
  expect(upper.trained).toEqual(['vgg_16/conv5/conv5_2/biases', 'vgg_16/conv5/conv5_2/weights']);
  // Only pool5 lies above it.
  expect(new Set(upper.text.match(/MaxUnpool_\d+/g)).size).toBe(1);
  expect(new Set(step(vgg16, 'vgg_16').text.match(/MaxUnpool_\d+/g)).size).toBe(5);
});
