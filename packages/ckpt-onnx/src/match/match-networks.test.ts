import { createMemoryFiles, type Graph, GraphBuilder } from '@graftjs/core';
import { describe, expect, it } from 'vitest';
import { attribute, floatInitializer, input, integer, integers, model, node } from '../../test/protobuf.js';
import { onnx } from '../onnx.js';

describe('networks that part', () => {
  const chain = (...layers: { kernel: number; strides?: number; dilations?: number; channels?: number }[]) => {
    const graph = new GraphBuilder('chain', { name: 'x', shape: [32, 32, 3], dtype: 'float32' });
    let net = graph.input;
    for (const [index, { channels = 2, ...options }] of layers.entries()) {
      net = graph.conv2d(net, { name: `conv${index}`, channels, ...options });
    }
    return graph.build(net, []);
  };
  const conv = (index: number, kernel: number, inputs: number, stride = 1) => {
    const shape = [2, inputs, kernel, kernel];
    const weights = floatInitializer(`w${index}`, shape, new Array(2 * inputs * kernel ** 2).fill(index));
    const from = index === 0 ? 'x' : `y${index - 1}`;
    return Buffer.concat([
      weights,
      node('Conv', [from, `w${index}`], `y${index}`, integers('strides', [stride, stride])),
    ]);
  };
  const strided = model(input('x'), conv(0, 3, 3, 2), conv(1, 3, 2), conv(2, 1, 2), conv(3, 3, 2));
  const matchOf = async (graph: Graph) =>
    (await onnx.open('a.onnx', createMemoryFiles([['a.onnx', strided]]))).match!(graph);
  const layersOf = ({ tensors }: { tensors: object }) =>
    Object.keys(tensors).filter((name) => name.endsWith('weights')).length;

  it('do not where one dilates and the other strides', async () => {
    const dilated = chain({ kernel: 3 }, { kernel: 3, dilations: 2 }, { kernel: 1 }, { kernel: 3, dilations: 2 });
    const match = await matchOf(dilated);
    expect([layersOf(match), match.parting]).toEqual([4, undefined]);
  });

  it('do where one strides elsewhere', async () => {
    const match = await matchOf(chain({ kernel: 3 }, { kernel: 3, strides: 2 }, { kernel: 1 }, { kernel: 3 }));
    expect(layersOf(match)).toBe(1);
    expect(match.parting).toMatch(
      /after 'y0\/Conv'.*y1\/Conv .*2x2 pixels apart\), and here comes chain\/conv1.*1x1 pixels apart/,
    );
  });

  it('have what they have in common', async () => {
    const match = await matchOf(
      chain({ kernel: 3, strides: 2 }, { kernel: 3, channels: 7 }, { kernel: 1 }, { kernel: 3 }, { kernel: 3 }),
    );
    expect(layersOf(match)).toBe(4);
    expect(match.reader.tensors.get(match.tensors['chain/conv1/weights']!.name)?.shape).toEqual([2, 2, 3, 3]);
    expect(match.reader.tensors.get(match.tensors['chain/conv1/biases']!.name)?.shape).toEqual([2]);
    expect(match.parting).toMatch(/there it has nothing, and here comes chain\/conv4/);
  });

  it('do not where the file averages over a single place, as timm’s VGG does before its last layer', async () => {
    const file = model(
      input('x'),
      floatInitializer('w', [2, 3, 8, 8], new Array(384).fill(1)),
      node('Conv', ['x', 'w'], 'y'),
      node('GlobalAveragePool', ['y'], 'm'),
      node('Flatten', ['m'], 'f'),
      floatInitializer('v', [2, 3], [1, 2, 3, 4, 5, 6]),
      node('MatMul', ['f', 'v'], 'z'),
    );
    const averaging = await onnx.open('a.onnx', createMemoryFiles([['a.onnx', file]]));
    const network = (size: number) => {
      const graph = new GraphBuilder('net', { name: 'x', shape: [size, size, 3], dtype: 'float32' });
      const net = graph.conv2d(graph.input, { name: 'fc', channels: 2, kernel: 8, padding: 'VALID' });
      return graph.build(graph.conv2d(net, { name: 'logits', channels: 3, kernel: 1 }), []);
    };
    const match = averaging.match!(network(8));
    expect([match.tensors['net/logits/weights']?.name, match.parting]).toEqual(['v', undefined]);
    expect(averaging.match!(network(9)).parting).toMatch(/there it has m\/.*averagePool.*here comes net\/logits/);
  });

  it('do not where one puts side by side at once what the other does by and by', async () => {
    const graph = new GraphBuilder('net', { name: 'x', shape: [8, 8, 3], dtype: 'float32' });
    const layer = (name: string) => graph.conv2d(graph.input, { name, channels: 2, kernel: 1, activation: 'none' });
    const [a, b, c] = ['a', 'b', 'c'].map(layer);
    const both = graph.concat([graph.concat([a!, b!], { name: 'ab' }), c!], { name: 'abc' });
    const net = graph.build(graph.conv2d(both, { name: 'd', channels: 2, kernel: 1 }), []);
    const file = model(
      input('x'),
      ...['c', 'b', 'a'].flatMap((name, index) => [
        floatInitializer(`w${name}`, [2, 3, 1, 1], new Array(6).fill(index)),
        node('Conv', ['x', `w${name}`], name),
      ]),
      node('Concat', ['a', 'b', 'c'], 'abc', attribute('axis', integer(3, 1))),
      floatInitializer('wd', [2, 6, 1, 1], new Array(12).fill(7)),
      node('Conv', ['abc', 'wd'], 'd'),
    );
    const { tensors, parting } = (await onnx.open('a.onnx', createMemoryFiles([['a.onnx', file]]))).match!(net);
    expect(parting).toBeUndefined();
    expect(['a', 'b', 'c', 'd'].map((name) => tensors[`net/${name}/weights`]!.name)).toEqual(['wa', 'wb', 'wc', 'wd']);
  });
});
