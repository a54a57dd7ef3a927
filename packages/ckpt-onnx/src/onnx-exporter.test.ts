import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Exporter, type Graph, GraphBuilder, shapeRules } from '@graftjs/core';
import { nodeFileSystem as files } from '@graftjs/core/node';
import { checkClose, evaluateGraph } from '@graftjs/core/testing';
import { onnxMessages } from '@graftjs/onnx';
import { InferenceSession } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import {
  everyOperation,
  everyPixel,
  imagesOf,
  networkOf,
  probabilitiesOf,
  rangesOf,
  temporaryFolder,
  valuesOf,
} from '../test/networks.js';
import { createOnnxExporter, onnxExporter } from './onnx-exporter.js';

const graph = everyOperation();
const values = valuesOf(graph);
const images = imagesOf(graph, 4);
const expected = probabilitiesOf(graph, values, images);

/** Exports to `model.onnx` in a folder of its own, with ranges by core's loops. */
async function exported(
  precision: string,
  { of = graph, with: weights = values, exporter = onnxExporter, folder = '' } = {},
): Promise<string> {
  const path = join(folder || (await temporaryFolder()), 'model.onnx');
  const nodes = exporter.precisions.find(({ name }) => name === precision)?.ranged?.(of) ?? [];
  const ranges = rangesOf(of, weights, nodes, imagesOf(of, 4));
  await exporter.write(path, networkOf(of, weights), { precision, ranges, description: 'a test' }, files);
  return path;
}

/** Runs a file on the images: one, then three. */
async function run(path: string, exporter: Exporter = onnxExporter): Promise<number[]> {
  const network = await exporter.open(path);
  const first = [...(await network.predict(images[0]!, 1))];
  const others = [...(await network.predict(new Uint8Array(Buffer.concat(images.slice(1))), 3))];
  await network.close();
  return [...first, ...others];
}

interface Model {
  graph: {
    node: { opType: string; domain?: string }[];
    initializer: { name: string; dataType: number; dims: number[] }[];
    input: { name: string; docString: string; type: { tensorType: { elemType: number } } }[];
    output: { name: string; docString: string }[];
  };
  metadataProps?: { key: string; value: string }[];
  docString: string;
}

async function decode(path: string): Promise<Model> {
  const type = onnxMessages.lookupType('ModelProto');
  return type.toObject(type.decode(await readFile(path)), { longs: Number, arrays: true }) as Model;
}

/** How often onnxruntime has each operator once it has optimized a file. */
async function optimized(path: string): Promise<Record<string, number>> {
  const to = `${path}.optimized`;
  const session = await InferenceSession.create(path, { optimizedModelFilePath: to, logSeverityLevel: 3 });
  await session.release();
  const counts: Record<string, number> = {};
  for (const { opType } of (await decode(to)).graph.node) counts[opType] = (counts[opType] ?? 0) + 1;
  return counts;
}

it('the network of these tests has every operation', () => {
  expect(new Set(graph.nodes.map(({ op }) => op))).toEqual(new Set(Object.keys(shapeRules)));
});

describe('a file', () => {
  it('gives the probabilities that the reference gives, for one image and for several', async () => {
    checkClose(await run(await exported('float32')), expected, 1e-6, 'probabilities');
  });

  it.each([
    ['float32', 1],
    ['float16', 0.99],
    ['int8', 0.8],
  ])('of logits of pixels gives, in %s, the class that the reference has most of', async (precision, agreement) => {
    const pixels = everyPixel();
    const weights = valuesOf(pixels);
    const [first, ...others] = imagesOf(pixels, 3);
    const reference = [first!, ...others].flatMap((image) => {
      const logits = evaluateGraph(pixels, weights, image).get(pixels.output)!;
      const rows = Array.from({ length: 14 * 18 }, (_, pixel) => logits.subarray(5 * pixel, 5 * pixel + 5));
      return rows.map((row) => row.indexOf(Math.max(...row)));
    });
    const network = await onnxExporter.open(await exported(precision, { of: pixels, with: weights }));
    const found = [await network.predict(first!, 1), await network.predict(new Uint8Array(Buffer.concat(others)), 2)];
    await network.close();
    expect(found.every((mask) => mask instanceof Uint8Array)).toBe(true);
    const labels = found.flatMap((mask) => [...mask]);
    expect(labels.length).toBe(reference.length);
    expect(new Set(reference).size).toBeGreaterThan(2);
    expect(labels.filter((label, pixel) => label === reference[pixel]).length / labels.length).toBeGreaterThanOrEqual(
      agreement,
    );
  });

  it('in float16 differs by what 11 bits make, and is half as large', async () => {
    const path = await exported('float16');
    checkClose(await run(path), expected, 2e-3, 'probabilities');
    const { graph: written } = await decode(path);
    const float16 = 10;
    const weights = written.initializer.filter(({ name }) => values.has(name));
    expect(weights.length).toBeGreaterThan(5);
    expect(weights.map(({ dataType }) => dataType)).toEqual(weights.map(() => float16));
  });

  it('in int8 differs by what 8 bits make, and onnxruntime computes all of its convolutions in whole numbers', async () => {
    const path = await exported('int8');
    checkClose(await run(path), expected, 0.05, 'probabilities');
    const counts = await optimized(path);
    const convolutions = graph.nodes.filter(({ op }) => op === 'conv2d').length;
    expect((counts.QLinearConv ?? 0) + (counts.QGemm ?? 0)).toBe(convolutions);
    expect(counts).toMatchObject({ QLinearConcat: 1, QLinearAveragePool: 1 });
    expect(counts.Conv).toBeUndefined();
  });

  it('takes bytes by the graph’s name for them, has standard operators alone, and says what it is', async () => {
    for (const precision of ['float32', 'float16', 'int8']) {
      const { graph: written, docString } = await decode(await exported(precision));
      expect(written.node.filter(({ domain }) => domain)).toEqual([]);
      expect(docString).toBe('a test');
      const uint8 = 2;
      expect(written.input).toMatchObject([{ name: 'images', type: { tensorType: { elemType: uint8 } } }]);
      expect(written.input[0]!.docString).toMatch(/18 x 22 pixels/);
      expect(written.output).toMatchObject([{ name: 'probabilities', docString: /probability of each class/ }]);
    }
  });

  it('leaves batch normalization to onnxruntime, which folds it', async () => {
    const path = await exported('float32');
    const { graph: written } = await decode(path);
    expect(written.node.filter(({ opType }) => opType === 'BatchNormalization')).toHaveLength(4);
    // The one that follows no convolution may stay.
    expect((await optimized(path)).BatchNormalization ?? 0).toBeLessThanOrEqual(1);
  });

  it('keeps its weights in another file where one would be too large', async () => {
    const exporter = createOnnxExporter(1000);
    const folder = await temporaryFolder();
    const path = await exported('float32', { exporter, folder });
    expect(await readdir(folder)).toEqual(['model.onnx', 'model.onnx.data']);
    expect((await stat(`${path}.data`)).size).toBeGreaterThan(4096);
    checkClose(await run(path, exporter), expected, 1e-6, 'probabilities');
  });

  it('can be told more of itself', async () => {
    const path = await exported('float32');
    const metadata = new Map([['labels', '["a","b"]']]);
    await onnxExporter.annotate(path, metadata, files);
    expect((await decode(path)).metadataProps).toEqual([{ key: 'labels', value: '["a","b"]' }]);
    checkClose(await run(path), expected, 1e-6, 'probabilities');
  });
});

describe('what cannot be exported', () => {
  const other = (build: (builder: GraphBuilder) => Graph, dtype: 'uint8' | 'float32' = 'uint8') =>
    build(new GraphBuilder('other', { name: 'images', shape: [4, 4, 3], dtype }));
  const imageIn = (graph: Graph) => exported('float32', { of: graph, with: valuesOf(graph) });

  it('is told by name', async () => {
    const numbers = other((b) => b.build(b.conv2d(b.input, { name: 'last', channels: 2, kernel: 1 }), []), 'float32');
    await expect(imageIn(numbers)).rejects.toMatchObject({
      code: 'export/unsupported',
      message: expect.stringContaining('other takes float32 of 4x4x3') as string,
    });
    const table = other((b) =>
      b.build(b.reshape(b.normalize(b.input, { mean: [0, 0, 0], scale: 1 }), { name: 'table', shape: [8, 6] }), []),
    );
    await expect(imageIn(table)).rejects.toThrow(/gives 8x6 an image/);
    await expect(exported('int4')).rejects.toMatchObject({ code: 'usage/unknown-name' });
  });

  it('is a weight or a value that float16 does not have', async () => {
    const weights = new Map(values).set('every/last/weights', values.get('every/last/weights')!.with(3, -7e4));
    await expect(exported('float16', { with: weights })).rejects.toMatchObject({
      code: 'export/overflow',
      message: expect.stringContaining('every/last/weights holds -70000, and float16 ends at 65504') as string,
    });
    const loud = new Map(values).set('every/whole/biases', values.get('every/whole/biases')!.with(0, 6.6e4));
    await expect(exported('float16', { with: loud })).rejects.toThrow(/every\/whole.* as large as 6/);
  });

  it('is a normalization by what is no variance', async () => {
    const name = 'every/right/BatchNorm/moving_variance';
    const weights = new Map(values).set(name, values.get(name)!.with(2, -1));
    await expect(exported('int8', { with: weights })).rejects.toMatchObject({ code: 'export/not-finite' });
  });
});

it('a file that is none is refused by onnxruntime, with its path', async () => {
  const path = join(await temporaryFolder(), 'model.onnx');
  await files.write(path, [Uint8Array.of(1, 2, 3)]);
  await expect(onnxExporter.open(path)).rejects.toMatchObject({
    code: 'export/run',
    message: expect.stringContaining(path) as string,
  });
});
