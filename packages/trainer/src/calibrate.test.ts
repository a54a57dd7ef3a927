import { evaluateGraph, formulaVariable } from '@graftjs/core/testing';
import { onnxEngine } from '@graftjs/engine-onnx';
import { expect, it, onTestFinished } from 'vitest';
import { colourSplit, tinyNet } from '../test/tiny.js';
import { calibrate } from './calibrate.js';
import { classifiedImages } from './export-images.js';
import { createPreprocessing } from './preprocessing/create-preprocessing.js';

it('the ranges of nodes are those of the reference, over all images', async () => {
  const graph = tinyNet.build();
  const variables = new Map(graph.variables.map(({ name, shape }) => [name, formulaVariable(name, shape)]));
  const session = await onnxEngine.open(graph);
  onTestFinished(() => session.close());
  for (const [name, values] of variables) session.write(name, values);
  const nodes = graph.nodes.filter(({ op }) => op === 'relu' || op === 'bias').map(({ name }) => name);
  const split = colourSplit(9, 0);
  const preprocessing = createPreprocessing(['none']);
  const ranges = await calibrate(session, nodes, classifiedImages(graph, split, { preprocessing }), 4);

  const expected = new Map<string, number[]>(nodes.map((name) => [name, []]));
  for (const index of split.labels.keys()) {
    const bytes = Uint8ClampedArray.from(preprocessing.evaluate(await split.read(index), 8));
    const values = evaluateGraph(graph, variables, bytes);
    for (const [name, all] of expected) all.push(...values.get(name)!);
  }
  for (const [name, all] of expected) {
    const { min, max } = ranges.get(name)!;
    expect(
      [min, max].map((value) => value.toFixed(4)),
      name,
    ).toEqual([Math.min(...all), Math.max(...all)].map((value) => value.toFixed(4)));
  }
});
