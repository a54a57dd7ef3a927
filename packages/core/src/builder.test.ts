import { describe, expect, it } from 'vitest';
import { GraphBuilder } from './builder.js';
import { GraphError } from './errors.js';
import { padImages } from './pad-images.js';
import type { PaddingRule } from './padding.js';

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

  it('a window larger than its image', () => {
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
          groups: 1,
        });
      }),
    ).toMatch(/net\/c .*takes 4 channels, and its input has 3/);
  });
  it('groups that the channels do not fill', () => {
    const options = { name: 'c', kernel: 1, groups: 3 };
    expect(message((g) => g.conv2d(g.input, { ...options, channels: 4 }))).toMatch(
      /net\/c\/Conv2D .*4 channels do not make 3 groups/,
    );
    expect(message((g) => g.conv2d(g.input, { ...options, groups: 2, channels: 4 }))).toMatch(
      /net\/c\/weights cannot be 1x1x1.5x4/,
    );
    expect(
      message((g) => {
        const weights = g.variable('c/weights', [3, 3, 2, 6], { initializer: { kind: 'xavier-uniform' } });
        const where = { strides: [1, 1], padding: [0, 0, 0, 0], dilations: [1, 1] } as const;
        g.add({ op: 'conv2d', name: 'net/c', inputs: ['images'], weights, groups: 2, ...where });
      }),
    ).toMatch(/net\/c .*takes 2 groups of 2 channels, and its input has 3/);
  });
  it('channels that are not there', () => {
    expect(message((g) => g.slice(g.input, { name: 's', start: 2, size: 2 }))).toMatch(
      /net\/s .*2 channels from 2 on are not in its input, which has 3/,
    );
  });
  it('a reshape to more elements', () => {
    expect(message((g) => g.reshape(g.input, { name: 'r', shape: [10] }))).toMatch(/net\/r .*9x7x3 cannot become 10/);
  });
  it('a sum of different shapes, or of one value', () => {
    const small = (g: GraphBuilder) => g.mean(g.input, { name: 'm' });
    expect(message((g) => g.sum([g.input, small(g)], { name: 's' }))).toMatch(
      /net\/s .*9x7x3 and 1x1x3 cannot be added/,
    );
    expect(message((g) => g.sum([g.input], { name: 's' }))).toMatch(/net\/s .*one input; accepted: two or more/);
  });
  it('values of different sizes side by side', () => {
    expect(message((g) => g.concat([g.input, g.mean(g.input, { name: 'm' })], { name: 'c' }))).toMatch(
      /net\/c\/concat .*9x7x3 and 1x1x3 do not fit/,
    );
  });
  it('batch normalization of other channels, or with an epsilon or a decay that is none', () => {
    const options = { name: 'c', channels: 2, kernel: 1 };
    const normal = (changes: object) => (g: GraphBuilder) => g.conv2d(g.input, { ...options, batchNorm: changes });
    expect(message(normal({ epsilon: 0 }))).toMatch(/FusedBatchNormV3 .*epsilon is 0; accepted: above 0/);
    expect(message(normal({ decay: 1.5 }))).toMatch(/FusedBatchNormV3 .*decay is 1.5; accepted: from 0 to 1/);
    expect(
      message((g) => {
        const own = g.variable('own', [2], { initializer: { kind: 'constant', value: 0 } });
        const variables = { beta: own, movingMean: own, movingVariance: own };
        g.add({ op: 'batchNorm', name: 'net/n', inputs: ['images'], ...variables, epsilon: 1, decay: 1 });
      }),
    ).toMatch(/net\/n .*net\/own is 2, and its input has 3 channels/);
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

describe('a transposed convolution', () => {
  // tf.nn.conv2d_transpose with SAME: what conv2d with SAME of that size would have padded is cut off, the odd one at the end.
  it.each([
    [{ kernel: 4, strides: 2 }, [1, 1, 1, 1], [18, 14]],
    [{ kernel: 3, strides: 2 }, [0, 1, 0, 1], [18, 14]],
    [{ kernel: [16, 4], strides: [8, 1] }, [4, 4, 1, 2], [72, 7]],
    [{ kernel: 4, strides: 2, padding: 'VALID' }, [0, 0, 0, 0], [20, 16]],
  ] as const)('%j', (options, padding, size) => {
    const graph = builder();
    const y = graph.conv2dTranspose(graph.input, { name: 't', channels: 2, ...options });
    const { nodes, variables } = graph.build(y, []);
    expect(nodes.at(-1)).toMatchObject({ padding, shape: [...size, 2] });
    const [height, width] = [options.kernel].flat();
    expect(variables[0]!.shape).toEqual([height, width ?? height, 2, 3]);
  });
  it('reaches every place', () => {
    const graph = builder();
    const layer = { name: 't', channels: 2, kernel: 2, strides: 3 };
    expect(() => graph.conv2dTranspose(graph.input, layer)).toThrow(/kernel of 2x2 .* strides of 3x3/);
  });
});

describe('a builder that goes on from a graph', () => {
  const base = () => {
    const graph = builder();
    const net = graph.normalize(graph.input, { mean: [1, 2, 3], scale: 1 });
    const low = graph.conv2d(net, { name: 'low', channels: 2, kernel: 3 });
    const high = graph.conv2d(low, { name: 'high', channels: 2, kernel: 3 });
    return graph.build(high, ['high']);
  };
  it('has what its end points need and nothing else, and names below other scopes', () => {
    const onto = GraphBuilder.onto(base(), 'other', ['net/low']);
    const inside = onto.within('net').conv2d(onto.at('net/low'), { name: 'mine', channels: 4, kernel: 1 });
    const graph = onto.build(onto.conv2d(inside, { name: 'score', channels: 1, kernel: 1, biases: false }), ['score']);
    expect(graph.variables.map(({ name }) => name)).toEqual([
      'net/low/weights',
      'net/low/biases',
      'net/mine/weights',
      'net/mine/biases',
      'other/score/weights',
    ]);
    expect(Object.keys(graph.endPoints)).toEqual(['net/low', 'net/mine', 'other/score']);
    expect([graph.name, graph.headScopes]).toEqual(['other', ['other/score']]);
  });
  it('refuses an end point that there is not', () => {
    expect(() => GraphBuilder.onto(base(), 'other', ['net/middle'])).toThrow(/net has no end point net\/middle/);
  });
  it('works on smaller images with zeros around them after normalization', () => {
    const { input, nodes } = padImages(base(), [1, 2, 0, 3]);
    expect(input.shape).toEqual([6, 4, 3]);
    expect(nodes.map(({ op, inputs, shape }) => [op, inputs[0], shape.slice(0, 2)])).toEqual([
      ['normalize', 'images', [6, 4]],
      ['pad', 'net/normalize', [9, 7]],
      ['conv2d', 'net/normalize/Pad', [9, 7]],
      ...base()
        .nodes.slice(2)
        .map(({ op, inputs }) => [op, inputs[0], [9, 7]]),
    ]);
    const plain = builder();
    const graph = plain.build(plain.pad(plain.input, { name: 'p', padding: [1, 1, 1, 1] }), []);
    expect(() => padImages(graph, [1, 0, 0, 0])).toThrow(/net does not normalize/);
  });
});
