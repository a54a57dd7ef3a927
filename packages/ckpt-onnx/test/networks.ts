import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Graph, GraphBuilder, type TrainedNetwork, type ValueRange } from '@graftjs/core';
import { evaluateGraph, formulaImage, formulaVariable } from '@graftjs/core/testing';
import { onTestFinished } from 'vitest';

/** A network that has every operation, on images that are no squares. */
export function everyOperation(): Graph {
  const graph = new GraphBuilder('every', { name: 'images', shape: [18, 22, 3], dtype: 'uint8' });
  const batchNorm = { scale: true };
  let net = graph.normalize(graph.input, { mean: [120, 117, 104], scale: [1 / 58, 1 / 57, 1 / 59] });
  net = graph.conv2d(net, { name: 'conv1', channels: 8, kernel: 3, strides: 2, batchNorm });
  net = graph.lrn(net, { name: 'lrn1', alpha: 0.01 });
  net = graph.pad(net, { name: 'pad1', padding: [1, 0, 0, 1] });
  net = graph.maxPool(net, { name: 'pool1', kernel: 3, strides: 1 });
  const before = graph.batchNorm(net, { name: 'preact', scale: false, activation: 'relu' });
  const left = graph.conv2d(before, { name: 'left', channels: 8, kernel: 3, groups: 2, activation: 'none' });
  const right = graph.conv2d(before, {
    ...{ name: 'right', channels: 8, kernel: [1, 3], dilations: [1, 2], batchNorm: {}, activation: 'none' },
  } as const);
  net = graph.relu(graph.sum([left, right, net], { name: 'sum' }), { name: 'sum_relu' });
  const separated = graph.separableConv2d(net, { name: 'separable', channels: 6, kernel: 3, batchNorm });
  const weighted = graph.softmax(graph.slice(net, { name: 'some', start: 2, size: 4 }), { name: 'shares' });
  net = graph.concat([separated, weighted], { name: 'both' });
  net = graph.conv2dTranspose(net, { name: 'enlarged', channels: 10, kernel: 4, strides: 2 });
  net = graph.crop(net, { name: 'inner', margins: [5, 4, 5, 6] });
  net = graph.avgPool(net, { name: 'pool2', kernel: 3, strides: 2, padding: 'SAME' });
  net = graph.conv2d(net, { name: 'whole', channels: 12, kernel: [net.shape[0]!, net.shape[1]!], padding: 'VALID' });
  net = graph.dropout(graph.mean(net, { name: 'mean' }), { name: 'dropout', keep: 0.5 });
  net = graph.conv2d(net, { name: 'last', channels: 5, kernel: 1, activation: 'none' });
  return graph.build(graph.reshape(net, { name: 'squeezed', shape: [5] }), ['last']);
}

/** A network that gives a logit for each class and pixel. */
export function everyPixel(): Graph {
  const graph = new GraphBuilder('pixels', { name: 'images', shape: [18, 22, 3], dtype: 'uint8' });
  let net = graph.normalize(graph.input, { mean: [120, 117, 104], scale: 1 / 58 });
  net = graph.conv2d(net, { name: 'conv1', channels: 8, kernel: 3, strides: 4 });
  net = graph.conv2d(net, { name: 'score', channels: 5, kernel: 1, activation: 'none' });
  net = graph.conv2dTranspose(net, { name: 'upscore', channels: 5, kernel: 8, strides: 4 });
  return graph.build(graph.crop(net, { name: 'cropped', margins: [3, 3, 3, 3] }), ['score', 'upscore']);
}

/** Values for a graph's variables. */
export const valuesOf = (graph: Graph): Map<string, Float32Array> =>
  new Map(graph.variables.map(({ name, shape }) => [name, formulaVariable(name, shape)]));

export function networkOf(graph: Graph, values: ReadonlyMap<string, Float32Array>): TrainedNetwork {
  return {
    graph,
    async read(variable, start, into) {
      into.set(values.get(variable)!.subarray(start, start + into.length));
    },
  };
}

/** Images of noise, each by itself. */
export function imagesOf({ input }: Graph, count: number): Uint8Array[] {
  const [height, width] = input.shape;
  return Array.from({ length: count }, (_, index) => formulaImage(`image ${index}`, height!, width!));
}

/** The probabilities of each image by core's plain loops. */
export function probabilitiesOf(
  graph: Graph,
  values: ReadonlyMap<string, Float32Array>,
  images: readonly Uint8Array[],
): number[] {
  return images.flatMap((image) => {
    const logits = evaluateGraph(graph, values, image).get(graph.output)!;
    const exponentials = Array.from(logits, Math.exp);
    const sum = exponentials.reduce((total, value) => total + value, 0);
    return exponentials.map((value) => value / sum);
  });
}

/** The ranges of nodes on images, by core's plain loops. */
export function rangesOf(
  graph: Graph,
  values: ReadonlyMap<string, Float32Array>,
  names: readonly string[],
  images: readonly Uint8Array[],
): Map<string, ValueRange> {
  const found = images.map((image) => evaluateGraph(graph, values, image));
  return new Map(
    names.map((name) => {
      const all = found.flatMap((nodes) => [...nodes.get(name)!]);
      return [name, { min: all.reduce((a, b) => Math.min(a, b)), max: all.reduce((a, b) => Math.max(a, b)) }];
    }),
  );
}

/** A folder for one test, removed after it. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'graft-ckpt-onnx-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}
