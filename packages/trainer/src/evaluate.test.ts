import { type Graph, GraphBuilder, type Image, type Session } from '@graftjs/core';
import { evaluateGraph, formulaVariable } from '@graftjs/core/testing';
import { onnxEngine } from '@graftjs/engine-onnx';
import { describe, expect, it, onTestFinished } from 'vitest';
import { colourImage, colourSplit, tinyNet } from '../test/tiny.js';
import { evaluate } from './evaluate.js';
import { ClassificationMetrics } from './metrics.js';
import { predict } from './predict.js';
import { createPreprocessing } from './preprocessing/create-preprocessing.js';

const classes = ['red', 'green', 'blue'];
const preprocessing = createPreprocessing(['flip']);

async function open(graph: Graph = tinyNet.build()): Promise<Session> {
  const session = await onnxEngine.open(graph);
  onTestFinished(() => session.close());
  for (const { name, shape } of graph.variables) session.write(name, formulaVariable(name, shape));
  return session;
}

/** The logits by core's plain loops. */
function referenceLogits(image: Image): Float32Array {
  const graph = tinyNet.build();
  const variables = new Map(graph.variables.map(({ name, shape }) => [name, formulaVariable(name, shape)]));
  const bytes = Uint8ClampedArray.from(preprocessing.evaluate(image, 8));
  return Float32Array.from(evaluateGraph(graph, variables, bytes).get(graph.output)!);
}

describe('evaluate', () => {
  it('gives the scores of the reference’s logits, whatever the batch', async () => {
    const split = colourSplit(25, 0, 1);
    const expected = new ClassificationMetrics(classes);
    for (const [index, label] of split.labels.entries()) {
      expected.add(referenceLogits(await split.read(index)), Int32Array.of(label));
    }
    const { loss, ...counted } = expected.result();
    for (const batchSize of [4, 100]) {
      const done: number[] = [];
      const onProgress = (count: number, of: number) => done.push(count / of);
      const found = await evaluate(await open(), split, classes, { preprocessing, batchSize, onProgress });
      expect(found).toEqual({ ...counted, loss: expect.closeTo(loss, 5) as number });
      expect(done).toEqual(batchSize === 100 ? [1] : [4, 8, 12, 16, 20, 24, 25].map((count) => count / 25));
    }
  });

  it('ends by its signal, with the signal’s reason', async () => {
    const controller = new AbortController();
    const onProgress = () => controller.abort(new Error('enough'));
    const options = { preprocessing, batchSize: 5, signal: controller.signal, onProgress };
    await expect(evaluate(await open(), colourSplit(25, 0), classes, options)).rejects.toThrow('enough');
  });

  it('refuses an empty split, names that are not as many as outputs, and a network of other images', async () => {
    const session = await open();
    await expect(evaluate(session, colourSplit(0, 0), classes, { preprocessing })).rejects.toThrow('has no images');
    await expect(evaluate(session, colourSplit(3, 0), ['a', 'b'], { preprocessing })).rejects.toThrow(
      /3 outputs, and there are 2 classes/,
    );
    const oblong = new GraphBuilder('oblong', { name: 'images', shape: [4, 5, 3], dtype: 'uint8' });
    const mean = oblong.mean(oblong.normalize(oblong.input, { mean: [0, 0, 0], scale: 1 }), { name: 'mean' });
    const graph = oblong.build(oblong.reshape(mean, { name: 'logits', shape: [3] }), []);
    await expect(evaluate(await open(graph), colourSplit(3, 0), classes, { preprocessing })).rejects.toThrow(
      /uint8 of 4x5x3; images are uint8 of size x size x 3/,
    );
  });
});

describe('predict', () => {
  it('gives the most probable classes of each image, in order', async () => {
    const images = Array.from({ length: 7 }, (_, key) => colourImage(key, key % 3));
    const found = [];
    const session = await open();
    for await (const prediction of predict(session, images, classes, { preprocessing, batchSize: 3, top: 2 })) {
      found.push(prediction);
    }
    expect(found.length).toBe(7);
    for (const [index, image] of images.entries()) {
      const exponentials = Array.from(referenceLogits(image), Math.exp);
      const sum = exponentials.reduce((total, value) => total + value, 0);
      const sorted = exponentials
        .map((value, at) => ({
          name: classes[at]!,
          index: at,
          probability: expect.closeTo(value / sum, 5) as number,
          value,
        }))
        .sort((a, b) => b.value - a.value);
      expect(found[index]).toEqual(sorted.slice(0, 2).map(({ value: _, ...rest }) => rest));
    }
  });

  it('holds one batch of a stream at a time', async () => {
    let given = 0;
    async function* stream() {
      for (; given < 100; ) yield colourImage(given++, 0);
    }
    for await (const _ of predict(await open(), stream(), classes, { preprocessing, batchSize: 4 })) break;
    expect(given).toBe(4);
  });

  it('tells that the network gives no numbers', async () => {
    const session = await open();
    session.write('tiny_net/logits/biases', Float32Array.of(0, Number.NaN, 0));
    const all = predict(session, [colourImage(0, 0)], classes, { preprocessing });
    await expect(all.next()).rejects.toMatchObject({ code: 'run/not-finite' });
  });
});
