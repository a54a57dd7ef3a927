import { createRequire } from 'node:module';
import { elementCount, type Graph, GraphBuilder, type Optimizer } from '@graftjs/core';
import { formulaVariable, uniform } from '@graftjs/core/testing';
import { expect, it } from 'vitest';
import type { Tfjs } from './tfjs.js';
import { createTfjsEngine } from './tfjs-engine.js';

const tf = createRequire(import.meta.url)('@tensorflow/tfjs') as Tfjs;
tf.enableProdMode();
const engine = createTfjsEngine(tf, ['cpu']);

/** Every operation, an auxiliary output, and a convolution in every form. */
function everyOperation(): Graph {
  const g = new GraphBuilder('net', { name: 'images', shape: [8, 8, 3], dtype: 'uint8' });
  const batchNorm = { scale: true };
  const x = g.normalize(g.input, { mean: [128, 128, 128], scale: 1 / 128 });
  const a = g.conv2d(x, { name: 'a', channels: 4, kernel: 3, batchNorm });
  const b = g.conv2d(a, { name: 'b', channels: 4, kernel: 3, dilations: 2, groups: 2 });
  const c = g.separableConv2d(b, { name: 'c', channels: 4, kernel: 3 });
  const pooled = g.maxPool(g.lrn(g.sum([a, c], { name: 'sum' }), { name: 'lrn' }), { name: 'max', kernel: 2 });
  const mean = g.avgPool(pooled, { name: 'avg', kernel: 3, strides: 1, padding: 'SAME' });
  const side = g.concat([pooled, g.slice(mean, { name: 'slice', start: 1, size: 2 })], { name: 'side' });
  const wide = g.conv2dTranspose(side, { name: 'wide', channels: 6, kernel: 4, strides: 2 });
  const cropped = g.crop(wide, { name: 'crop', margins: [1, 2, 0, 1] });
  const soft = g.softmax(g.pad(cropped, { name: 'pad', padding: [1, 0, 0, 1] }), { name: 'soft' });
  const logits = (value: typeof x, name: string) => {
    const dropped = g.dropout(g.mean(value, { name: `${name}/mean` }), { name: `${name}/dropout`, keep: 0.7 });
    const dense = g.conv2d(dropped, { name, channels: 3, kernel: 1, activation: 'none' });
    return g.reshape(dense, { name: `${name}/flat`, shape: [3] });
  };
  return g.build(logits(soft, 'out'), ['out'], [{ output: logits(a, 'auxiliary'), weight: 0.3 }]);
}

const descent: Optimizer = {
  name: 'descent',
  slots: [],
  scalars: [],
  update(weights, gradient, _slots, rate) {
    for (let i = 0; i < weights.length; i++) weights[i]! -= rate * gradient[i]!;
  },
};

const graph = everyOperation();
const count = 4;
const inputs = Uint8Array.from(uniform('inputs', count * elementCount(graph.input.shape)), (u) => 255 * u);
const labels = Int32Array.from([0, 1, 2, 0]);

it('has as many tensors after each of 100 steps, predictions among them, and none when it is closed', async () => {
  expect(new Set(graph.nodes.map(({ op }) => op)).size).toBe(18);
  const before = tf.memory().numTensors;
  const trainable = graph.variables.filter((variable) => variable.trainable).map(({ name }) => name);
  const session = await engine.openTraining(graph, { trainable, optimizer: descent, weightDecay: 0.01 });
  for (const { name, shape } of graph.variables) session.write(name, formulaVariable(name, shape));
  const everyNode = graph.nodes.map(({ name }) => name);
  const counts = new Set<number>();
  for (let step = 0; step < 100; step++) {
    await session.accumulate({ inputs, labels, seed: step });
    await session.update(0.01);
    if (step % 10 === 0) await session.predict(inputs, count, everyNode);
    counts.add(tf.memory().numTensors);
  }
  expect([...counts]).toEqual([before + graph.variables.length]);
  await session.close();
  expect(tf.memory().numTensors).toBe(before);
});

it('has none left of a step that failed, and goes on', async () => {
  const session = await engine.openTraining(graph, { trainable: ['net/out/weights'], optimizer: descent });
  await session.accumulate({ inputs, labels });
  const before = tf.memory().numTensors;
  const kernel = tf.getKernel('AvgPool', 'cpu')!;
  tf.unregisterKernel('AvgPool', 'cpu');
  try {
    const failing = session.accumulate({ inputs, labels });
    await expect(failing).rejects.toMatchObject({ code: 'engine/run', message: expect.stringContaining('AvgPool') });
  } finally {
    tf.registerKernel(kernel);
  }
  expect(tf.memory().numTensors).toBe(before);
  await session.accumulate({ inputs, labels });
  await session.close();
});
