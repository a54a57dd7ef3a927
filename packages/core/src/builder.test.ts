import { describe, expect, it } from 'vitest';
import { GraphBuilder, type PaddingRule } from './builder.js';
import { GraphError } from './errors.js';

const builder = (height = 9, width = 7) =>
  new GraphBuilder('net', { name: 'images', shape: [height, width, 3], dtype: 'uint8' });

describe('padding', () => {
  // tf.nn.conv2d's documentation: total = max((ceil(in / stride) - 1) * stride + reach - in, 0), the odd one at the end.
  it.each([
    [{ kernel: 3, strides: 1 }, [1, 1, 1, 1], [9, 7]],
    [{ kernel: 3, strides: 2 }, [1, 1, 1, 1], [5, 4]],
    [{ kernel: 2, strides: 2 }, [0, 1, 0, 1], [5, 4]],
    [{ kernel: 4, strides: 3 }, [0, 1, 1, 2], [3, 3]],
    [{ kernel: 1, strides: 3 }, [0, 0, 0, 0], [3, 3]],
    [{ kernel: 3, strides: 1, dilations: 2 }, [2, 2, 2, 2], [9, 7]],
  ] as const)('SAME of %j is TensorFlow’s', (options, padding, size) => {
    const graph = builder();
    const y = graph.conv2d(graph.input, { name: 'c', channels: 2, ...options });
    const conv = graph.build(y, []).nodes.find(({ op }) => op === 'conv2d')!;
    expect(conv).toMatchObject({ padding, shape: [...size, 2] });
  });
});

describe('what does not fit is named', () => {
  const message = (build: (graph: GraphBuilder) => unknown): string => {
    try {
      build(builder());
    } catch (error) {
      expect(error).toBeInstanceOf(GraphError);
      return (error as Error).message;
    }
    throw new Error('Nothing was thrown.');
  };

  it('a window larger than its picture', () => {
    const padding: PaddingRule = 'VALID';
    expect(message((g) => g.conv2d(g.input, { name: 'fc6', channels: 2, kernel: 8, padding }))).toMatch(
      /net\/fc6\/Conv2D \(conv2d\).*8x8.*9x7/,
    );
  });
  it('weights of other channels', () => {
    expect(
      message((g) => {
        const weights = g.variable('c/weights', [3, 3, 4, 2], { initializer: { kind: 'xavier-uniform' } });
        g.add({
          op: 'conv2d',
          name: 'net/c',
          inputs: ['images'],
          weights,
          strides: [1, 1],
          padding: [0, 0, 0, 0],
          dilations: [1, 1],
        });
      }),
    ).toMatch(/net\/c .*takes 4 channels, and its input has 3/);
  });
  it('a reshape to more elements', () => {
    expect(message((g) => g.reshape(g.input, { name: 'r', shape: [10] }))).toMatch(/net\/r .*9x7x3 cannot become 10/);
  });
  it('a name used twice', () => {
    expect(
      message((g) => {
        g.conv2d(g.input, { name: 'c', channels: 2, kernel: 1 });
        g.conv2d(g.input, { name: 'c', channels: 2, kernel: 1 });
      }),
    ).toMatch(/two variables named net\/c\/weights/);
  });
  it('a node that is not there', () => {
    expect(message((g) => g.add({ op: 'relu', name: 'net/r', inputs: ['net/nothing'] }))).toMatch(
      /net\/r reads net\/nothing/,
    );
  });
});
