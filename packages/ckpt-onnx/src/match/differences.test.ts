import { createMemoryFiles, type Graph, GraphBuilder, type Padding, type PaddingRule } from '@graftjs/core';
import { describe, expect, it } from 'vitest';
import {
  attribute,
  floatInitializer,
  input,
  int64Initializer,
  integer,
  integers,
  model,
  node,
} from '../../test/protobuf.js';
import { onnx } from '../onnx.js';

const ones: Padding = [1, 1, 1, 1];

interface Variant {
  readonly poolKernel?: number;
  readonly poolPadding?: PaddingRule;
  readonly poolStrides?: number;
  readonly zeros?: Padding;
  readonly padding?: PaddingRule;
  readonly activation?: 'relu' | 'none';
}

/** A convolution, a pooling, a convolution, an average, a convolution. */
function network(size: number, variant: Variant = {}): Graph {
  const { poolKernel = 3, poolPadding = ones, poolStrides = 2, zeros, padding = ones, activation } = variant;
  const graph = new GraphBuilder('net', { name: 'x', shape: [size, size, 3], dtype: 'float32' });
  let net = graph.conv2d(graph.input, {
    name: 'a',
    channels: 2,
    kernel: 3,
    padding,
    ...(activation && { activation }),
  });
  net = graph.maxPool(net, { name: 'max', kernel: poolKernel, strides: poolStrides, padding: poolPadding });
  net = graph.conv2d(net, { name: 'b', channels: 2, kernel: 3, padding: ones });
  if (zeros) net = graph.pad(net, { name: 'zeros', padding: zeros });
  net = graph.avgPool(net, { name: 'average', kernel: 3, strides: 1, padding: zeros ? 'VALID' : ones });
  net = graph.conv2d(net, { name: 'c', channels: 2, kernel: 1 });
  return graph.build(net, []);
}

const weights = (name: string, inputs: number, kernel: number) =>
  floatInitializer(name, [2, inputs, kernel, kernel], new Array(2 * inputs * kernel ** 2).fill(1));
const three = integers('kernel_shape', [3, 3]);
const pads = integers('pads', [1, 1, 1, 1]);

/** The file of it, whose average is over the zeros around the image if that is asked for. */
function file(average: Uint8Array[] = [pads], beforeAverage = 'b', ...more: Uint8Array[]): Buffer {
  return model(
    input('x'),
    weights('wa', 3, 3),
    weights('wb', 2, 3),
    weights('wc', 2, 1),
    node('Conv', ['x', 'wa'], 'a', pads),
    node('Relu', ['a'], 'ra'),
    node('MaxPool', ['ra'], 'max', three, pads, integers('strides', [2, 2])),
    node('Conv', ['max', 'wb'], 'cb', pads),
    node('Relu', ['cb'], 'b'),
    ...more,
    node('AveragePool', [beforeAverage], 'average', three, integers('strides', [1, 1]), ...average),
    node('Conv', ['average', 'wc'], 'c'),
    node('Relu', ['c'], 'd'),
  );
}

async function differences(graph: Graph, bytes = file()): Promise<string | undefined> {
  const reader = await onnx.open('a.onnx', createMemoryFiles([['a.onnx', bytes]]));
  return reader.match!(graph).differences;
}

describe('layers that are the same but for what no weight tells', () => {
  it('are none where all is the same', async () => {
    expect(await differences(network(16))).toBeUndefined();
  });

  it.each<[string, Variant, string]>([
    ['padding', { padding: 'VALID' }, 'a/Conv pads by 1, 1, 1, 1 at top, bottom, left, right (here 0, 0, 0, 0 at'],
    [
      'padding of a pooling',
      { poolPadding: 'SAME' },
      'max/MaxPool pads by 1, 1, 1, 1 at top, bottom, left, right (here 0, 1, 0, 1',
    ],
    ['windows', { poolKernel: 2, poolPadding: 'VALID' }, 'max/MaxPool has windows of 3x3 (here 2x2)'],
    ['strides', { poolStrides: 1 }, 'max/MaxPool strides by 2x2 (here 1x1)'],
    ['activations', { activation: 'none' }, 'a/Conv is followed by Relu (here nothing)'],
    ['zeros that count', { zeros: ones }, 'average/AveragePool leaves out the zeros around the image'],
  ])('%s', async (_, variant, text) => {
    expect(await differences(network(16, variant))).toContain(text);
  });

  it('are none where padding differs in what no window reads', async () => {
    const graph = network(16, { poolPadding: [1, 0, 1, 0] });
    expect(await differences(graph)).toBeUndefined();
    expect(await differences(network(17, { poolPadding: [1, 0, 1, 0] }))).toContain('max/MaxPool pads by 1, 1, 1, 1');
  });

  it('counts zeros of a pooling, and of a Pad before it, alike', async () => {
    const counting = file([pads, attribute('count_include_pad', integer(3, 1))]);
    expect(await differences(network(16), counting)).toContain('average/AveragePool counts the zeros around the image');
    expect(await differences(network(16, { zeros: ones }), counting)).toBeUndefined();
    const padded = [int64Initializer('around', [0, 0, 1, 1, 0, 0, 1, 1]), node('Pad', ['b', 'around'], 'p')];
    expect(await differences(network(16, { zeros: ones }), file([], 'p', ...padded))).toBeUndefined();
    expect(await differences(network(16), file([], 'p', ...padded))).toContain('counts the zeros');
  });
});
