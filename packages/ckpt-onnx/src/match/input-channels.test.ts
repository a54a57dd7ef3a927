import { createMemoryFiles, GraphBuilder } from '@graftjs/core';
import { expect, it } from 'vitest';
import { attribute, floatInitializer, input, int64Initializer, integer, model, node } from '../../test/protobuf.js';
import { onnx } from '../onnx.js';

const axis = attribute('axis', integer(3, 1));

/** A network that takes its input apart into channels, in that order, and puts them side by side again. */
async function matched(order: readonly number[], factors: readonly number[], addends: readonly number[]) {
  const channels = order.flatMap((channel, place) => [
    int64Initializer(`i${place}`, [channel]),
    floatInitializer(`f${place}`, [], [factors[channel]!]),
    floatInitializer(`a${place}`, [], [addends[channel]!]),
    node('Gather', ['images', `i${place}`], `g${place}`, axis),
    node('Unsqueeze', [`g${place}`, 'axes'], `u${place}`),
    node('Mul', [`u${place}`, `f${place}`], `m${place}`),
    node('Add', [`m${place}`, `a${place}`], `c${place}`),
  ]);
  const file = model(
    input('images'),
    floatInitializer('w', [2, 3, 1, 1], [1, 2, 3, 4, 5, 6]),
    int64Initializer('axes', [1]),
    ...channels,
    node('Concat', ['c0', 'c1', 'c2'], 'x', axis),
    node('Conv', ['x', 'w'], 'y'),
  );
  const graph = new GraphBuilder('one', { name: 'x', shape: [2, 2, 3], dtype: 'float32' });
  const y = graph.conv2d(graph.input, { name: 'conv', channels: 2, kernel: 1, activation: 'none', biases: false });
  return (await onnx.open('one.onnx', createMemoryFiles([['one.onnx', file]]))).match!(graph.build(y, []));
}

it('a network that normalizes each channel by itself has its weights and tells by what', async () => {
  const { tensors, input } = await matched([0, 1, 2], [2, 4, 8], [-1, -2, -4]);
  expect(tensors['one/conv/weights']?.name).toBe('w');
  expect(input).toEqual({ channels: 'RGB', mean: [127.5, 127.5, 127.5], deviation: [127.5, 63.75, 31.875] });
});

it('torchvision’s Inception makes of what is normalized for ImageNet what goes from -1 to 1', async () => {
  const factors = [0.229 / 0.5, 0.224 / 0.5, 0.225 / 0.5];
  const addends = [(0.485 - 0.5) / 0.5, (0.456 - 0.5) / 0.5, (0.406 - 0.5) / 0.5];
  const { input } = await matched([0, 1, 2], factors, addends);
  expect(input).toEqual({ channels: 'RGB', mean: [127.5, 127.5, 127.5], deviation: [127.5, 127.5, 127.5] });
});

it('a network that puts its channels in another order is another', async () => {
  expect((await matched([2, 1, 0], [1, 1, 1], [0, 0, 0])).tensors).toEqual({});
});
