import type { Graph } from '@graftjs/core';
import { vggBackbones } from '@graftjs/model-vgg';
import { Layouts } from '@graftjs/onnx';
import { expect, it } from 'vitest';
import { writeStepGraphs } from './step-graphs.js';

const vgg16 = vggBackbones.find(({ name }) => name === 'vgg_16')!.build({ size: 32, width: 0.25, dropout: 0 });

/** The ONNX files of a step's ways back as text: names of operations and values stand in it as they are. */
function step(graph: Graph, scope: string) {
  const trainable = graph.variables.map(({ name }) => name).filter((name) => name.startsWith(scope));
  const budgets = { piece: 2 ** 20, pieces: 2 ** 30, kept: 2 ** 30, prediction: 2 ** 20 };
  const all = writeStepGraphs({ graph, layouts: new Layouts(graph), blockSize: 1, budgets }, { trainable });
  const files = all.map(({ backward }) => (backward ? Buffer.from(backward.bytes).toString('latin1') : ''));
  return { files, text: files.join(), trained: all.flatMap(({ backward }) => backward?.trained ?? []) };
}
const unpoolings = (files: readonly string[]) =>
  files.reduce((sum, text) => sum + new Set(text.match(/MaxUnpool_\d+/g)).size, 0);
const count = (text: string, what: string) => text.split(what).length - 1;

it('computes nothing below the lowest trained variable on the way back', () => {
  const head = step(vgg16, 'vgg_16/fc8');
  expect(head.trained).toEqual(['vgg_16/fc8/biases', 'vgg_16/fc8/weights']);
  // Neither a pooling nor a rectifier is turned around, and no convolution.
  for (const operation of ['MaxUnpool', 'ConvTranspose', 'HardSigmoid', 'MatMul'])
    expect(count(head.text, operation), operation).toBe(0);

  const upper = step(vgg16, 'vgg_16/conv5/conv5_2');
  expect(upper.trained).toEqual(['vgg_16/conv5/conv5_2/biases', 'vgg_16/conv5/conv5_2/weights']);
  // Only pool5 lies above it.
  expect(unpoolings(upper.files)).toBe(1);
  expect(unpoolings(step(vgg16, 'vgg_16').files)).toBe(5);
});
