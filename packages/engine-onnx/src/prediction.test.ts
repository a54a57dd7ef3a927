import { GraphBuilder, type Value } from '@graftjs/core';
import { Layouts } from '@graftjs/onnx';
import { expect, it } from 'vitest';
import { onnxEngine } from './index.js';
import { writePrediction } from './prediction.js';
import { writeStepGraphs } from './step-graphs.js';

it('computes auxiliary outputs in training, and in use only where they are asked for', () => {
  const builder = new GraphBuilder('net', { name: 'x', shape: [8, 8, 3], dtype: 'float32' });
  const classifier = (x: Value, name: string) => {
    const logits = builder.conv2d(x, { name, channels: 3, kernel: [8, 8], padding: 'VALID', activation: 'none' });
    return builder.reshape(logits, { name: `${name}/squeezed`, shape: [3] });
  };
  const below = builder.conv2d(builder.input, { name: 'below', channels: 4, kernel: 3 });
  const auxiliary = [{ output: classifier(below, 'aux'), weight: 0.5 }];
  const above = builder.conv2d(below, { name: 'above', channels: 4, kernel: 3 });
  const graph = builder.build(classifier(above, 'logits'), ['logits', 'aux'], auxiliary);
  const budgets = { piece: 2 ** 20, pieces: 2 ** 30, kept: 2 ** 30, prediction: 2 ** 20 };
  const plan = { graph, layouts: new Layouts(graph), blockSize: 1, budgets, trains: false };
  const read = (names: readonly string[]) => {
    const segments = writePrediction(plan, names);
    const weights = segments.flatMap(({ variables, constants, arrangements }) => [
      ...variables,
      ...constants,
      ...[...arrangements.values()].map((one) => one.weights),
    ]);
    return new Set(weights.filter((name) => name.endsWith('weights')));
  };
  expect(read([graph.output])).toEqual(new Set(['net/below/weights', 'net/above/weights', 'net/logits/weights']));
  expect(read([auxiliary[0]!.output.name])).toEqual(new Set(['net/below/weights', 'net/aux/weights']));
  const trainable = graph.variables.map(({ name }) => name);
  const trained = writeStepGraphs(plan, { trainable }).flatMap(({ backward }) => backward?.trained ?? []);
  expect(new Set(trained)).toEqual(new Set(trainable));
});

it('predicts with the weights as they are now, also after others', async () => {
  const builder = new GraphBuilder('net', { name: 'x', shape: [1, 1, 1], dtype: 'float32' });
  const y = builder.conv2d(builder.input, { name: 'y', channels: 1, kernel: 1, activation: 'none' });
  const session = await onnxEngine.open(builder.build(y, []));
  session.write('net/y/biases', Float32Array.of(0));
  for (const weight of [2, 3, 3]) {
    session.write('net/y/weights', Float32Array.of(weight));
    const [value] = (await session.predict(Float32Array.of(5), 1)).values();
    expect([...value!]).toEqual([5 * weight]);
  }
  await session.close();
});
