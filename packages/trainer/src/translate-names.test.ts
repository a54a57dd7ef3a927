import {
  type CheckpointReader,
  elementCount,
  type Graph,
  GraphBuilder,
  type NameMap,
  planRestore,
  type Shape,
  withNormalization,
} from '@graftjs/core';
import { checkClose, evaluateGraph, uniform } from '@graftjs/core/testing';
import { describe, expect, it } from 'vitest';
import { sourceNormalization, translateNames } from './translate-names.js';

/** A convolution, and a dense layer over its features `[h, w, 5]`. */
function network({ mean = [10, 20, 30], scale = 0.5, size = 6 } = {}): Graph {
  const graph = new GraphBuilder('net', { name: 'images', shape: [size, size, 3], dtype: 'uint8' });
  let net = graph.normalize(graph.input, { mean, scale });
  net = graph.conv2d(net, { name: 'conv', channels: 5, kernel: 3, activation: 'none' });
  net = graph.conv2d(net, { name: 'fc', channels: 4, kernel: size, padding: 'VALID', activation: 'none' });
  net = graph.reshape(net, { name: 'squeezed', shape: [4] });
  return graph.build(graph.endPoint('net/logits', net), ['fc']);
}

const torch: NameMap = {
  source: 'torch',
  tensors: {
    'net/conv/weights': { name: '0.weight', axes: [3, 2, 0, 1] },
    'net/conv/biases': { name: '0.bias', axes: [0] },
    'net/fc/weights': { name: '1.weight', axes: [3, [2, 0, 1]] },
    'net/fc/biases': { name: '1.bias', axes: [0] },
  },
};
const shapes = { '0.weight': [5, 3, 3, 3], '0.bias': [5], '1.weight': [4, 180], '1.bias': [4], steps: [] };

const valuesOf = (name: string, shape: Shape) =>
  Float32Array.from(uniform(name, elementCount(shape)), (u) => 2 * u - 1);

/** A file whose values are made of its names. */
function file(tensors: Readonly<Record<string, Shape>>, { inParts = true } = {}): CheckpointReader {
  const bytesOf = (name: string) => new Uint8Array(valuesOf(name, tensors[name]!).buffer);
  return {
    tensors: new Map(
      Object.entries(tensors).map(([name, shape]) => [name, { name, shape, dtype: 'float32' as const }]),
    ),
    async read(name, into) {
      const bytes = bytesOf(name);
      into?.set(bytes);
      return into ?? bytes;
    },
    ...(inParts && {
      async readPart(name: string, position: number, into: Uint8Array) {
        into.set(bytesOf(name).subarray(position, position + into.length));
      },
    }),
    readStrings: async () => [],
    close: async () => {},
  };
}

async function read(reader: CheckpointReader, name: string): Promise<Float32Array> {
  return new Float32Array((await reader.read(name)).buffer);
}

const caught = (act: () => unknown): unknown => {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error('Nothing was thrown.');
};

describe('arranging', () => {
  it.each([true, false])('puts every value where it belongs, in parts: %s', async (inParts) => {
    const { reader } = translateNames(file(shapes, { inParts }), network(), [torch]);
    const [conv, fc] = [await read(reader, 'net/conv/weights'), await read(reader, 'net/fc/weights')];
    const [foreignConv, foreignFc] = [valuesOf('0.weight', [5, 3, 3, 3]), valuesOf('1.weight', [4, 180])];
    for (let o = 0, at = 0; o < 5; o++) {
      for (let i = 0; i < 3; i++) {
        for (let h = 0; h < 3; h++) {
          for (let w = 0; w < 3; w++) expect(conv[((h * 3 + w) * 3 + i) * 5 + o]).toBe(foreignConv[at++]);
        }
      }
    }
    for (let o = 0, at = 0; o < 4; o++) {
      for (let i = 0; i < 5; i++) {
        for (let h = 0; h < 6; h++) {
          for (let w = 0; w < 6; w++) expect(fc[((h * 6 + w) * 5 + i) * 4 + o]).toBe(foreignFc[at++]);
        }
      }
    }
    expect(await read(reader, 'net/conv/biases')).toEqual(valuesOf('0.bias', [5]));
  });

  it('does so where the tensor is larger than what is held at a time', async () => {
    const size = 100;
    const graph = network({ size });
    const { reader } = translateNames(file({ ...shapes, '1.weight': [4, 5 * size * size] }), graph, [torch]);
    const many = { 'net/fc/weights': { name: '1.weight', axes: [3, [2, 0, 1]] } };
    expect(torch.tensors).toMatchObject(many);
    const [found, foreign] = [await read(reader, 'net/fc/weights'), valuesOf('1.weight', [4, 5 * size * size])];
    const wrong = foreign.findIndex((value, at) => {
      const [o, rest] = [Math.floor(at / (5 * size * size)), at % (5 * size * size)];
      const [i, place] = [Math.floor(rest / (size * size)), rest % (size * size)];
      return found[(place * 5 + i) * 4 + o] !== value;
    });
    expect(wrong).toBe(-1);
  });

  it('gives bytes into an array at any place', async () => {
    const { reader } = translateNames(file(shapes), network(), [torch]);
    const into = new Uint8Array(4 * 135 + 1).subarray(1);
    expect(await reader.read('net/conv/weights', into)).toBe(into);
    expect(into).toEqual(await reader.read('net/conv/weights'));
    await expect(reader.read('net/conv/weights', new Uint8Array(4))).rejects.toMatchObject({
      code: 'checkpoint/destination-size',
    });
  });

  it('says what was renamed, permuted and dropped', () => {
    const { source, changes, dropped, nameOf } = translateNames(file(shapes), network(), [torch]);
    expect([source, dropped, nameOf('net/fc/biases')]).toEqual(['torch', ['steps'], '1.bias']);
    expect(changes.map(({ tensor, permuted, adapted }) => [tensor, permuted, adapted])).toEqual([
      ['0.weight', true, false],
      ['0.bias', false, false],
      ['1.weight', true, false],
      ['1.bias', false, false],
    ]);
  });
});

describe('a tensor less another', () => {
  const map: NameMap = {
    source: 'torch',
    tensors: { ...torch.tensors, 'net/fc/biases': { name: '1.bias', axes: [0], minus: '1.shift' } },
  };

  it('is their difference, and said to be', async () => {
    const { reader, changes, dropped } = translateNames(file({ ...shapes, '1.shift': [4] }), network(), [map]);
    const [bias, shift] = [valuesOf('1.bias', [4]), valuesOf('1.shift', [4])];
    expect(await read(reader, 'net/fc/biases')).toEqual(bias.map((value, at) => value - shift[at]!));
    expect(changes.at(-1)).toMatchObject({ variable: 'net/fc/biases', minus: '1.shift' });
    expect(dropped).toEqual(['steps']);
  });

  it.each([undefined, [5]])('is refused where the other is %j', async (shape) => {
    const { reader } = translateNames(file({ ...shapes, ...(shape && { '1.shift': shape }) }), network(), [map]);
    await expect(reader.read('net/fc/biases')).rejects.toMatchObject({
      code: 'checkpoint/does-not-fit',
      message: expect.stringMatching(/^1\.shift, /),
    });
  });
});

describe('recognition', () => {
  const keras: NameMap = {
    source: 'keras',
    tensors: { 'net/conv/weights': { name: 'conv/kernel', axes: [0, 1, 2, 3] } },
  };

  it('the graph’s own names are taken as they are', async () => {
    const own = { 'net/conv/weights': [3, 3, 3, 5], 'net/conv/biases': [5] };
    const { source, reader, changes } = translateNames(file(own), network(), [torch, keras]);
    expect(source).toBeUndefined();
    expect(await read(reader, 'net/conv/weights')).toEqual(valuesOf('net/conv/weights', [3, 3, 3, 5]));
    expect(changes.map(({ tensor, permuted }) => [tensor, permuted])).toEqual([
      ['net/conv/weights', false],
      ['net/conv/biases', false],
    ]);
  });

  it('the source that names the most is taken', () => {
    const both = { ...shapes, 'conv/kernel': [3, 3, 3, 5] };
    expect(translateNames(file(both), network(), [keras, torch]).source).toBe('torch');
    expect(translateNames(file({ 'conv/kernel': [3, 3, 3, 5] }), network(), [keras, torch]).source).toBe('keras');
  });

  it('two sources that mean the same by what is there are no question; two that do not are refused', () => {
    const also: NameMap = {
      source: 'also',
      tensors: { ...torch.tensors, 'net/fc/weights': { name: 'head.weight', axes: [3, [2, 0, 1]] } },
    };
    const trunk = file({ '0.weight': [5, 3, 3, 3], '0.bias': [5] });
    expect(translateNames(trunk, network(), [torch, also]).source).toBe('torch');
    const other: NameMap = {
      source: 'other',
      tensors: { ...torch.tensors, 'net/conv/weights': { name: '0.weight', axes: [3, 2, 1, 0] } },
    };
    expect(caught(() => translateNames(trunk, network(), [torch, other]))).toMatchObject({
      code: 'checkpoint/ambiguous-names',
      message: expect.stringMatching(/torch's as well as other's/),
    });
  });

  it('names that are said to be someone’s are taken for theirs, and nobody’s are refused', () => {
    const other: NameMap = {
      source: 'other',
      tensors: { ...torch.tensors, 'net/conv/weights': { name: '0.weight', axes: [3, 2, 1, 0] } },
    };
    const trunk = file({ '0.weight': [5, 3, 3, 3], '0.bias': [5] });
    expect(translateNames(trunk, network(), [torch, other], 'other').source).toBe('other');
    expect(translateNames(trunk, network(), [torch, other], 'torch').source).toBe('torch');
    expect(caught(() => translateNames(trunk, network(), [torch, other], 'caffe'))).toMatchObject({
      code: 'usage/unknown-name',
      message: expect.stringMatching(/'caffe'\. Accepted: torch, other\./),
    });
    expect(caught(() => translateNames(trunk, network(), [torch, keras], 'keras'))).toMatchObject({
      code: 'checkpoint/other-names',
    });
  });

  it('a file of another network is refused with the names that would do', () => {
    expect(caught(() => translateNames(file({ 'layer1.0.conv1.weight': [1] }), network(), [torch]))).toMatchObject({
      code: 'checkpoint/other-names',
      message: expect.stringMatching(/layer1\.0\.conv1\.weight.*net\/conv\/weights.*torch's \(0\.weight, 0\.bias/s),
    });
  });

  it('what is missing or does not fit is listed by both names', () => {
    const graph = network();
    const broken = file({ '0.weight': [3, 3, 3, 5], '1.weight': [4, 181], '1.bias': [4] });
    const { reader, nameOf } = translateNames(broken, graph, [torch]);
    const error = caught(() => planRestore(graph.variables, reader.tensors, {}, nameOf)) as Error;
    expect(error).toMatchObject({ code: 'checkpoint/does-not-fit' });
    const lines = error.message.split('\n').slice(1);
    expect(lines[0]).toMatch(/^variable +status +network +checkpoint +named there$/);
    expect(lines[1]).toMatch(/^net\/conv\/weights +mismatched +3x3x3x5 +3x5x3x3 +0\.weight$/);
    expect(lines[2]).toMatch(/^net\/conv\/biases +missing +5 +- +0\.bias$/);
    expect(lines[3]).toMatch(/^net\/fc\/weights +mismatched +6x6x5x4 +4x181 +1\.weight$/);
    expect(lines[4]).not.toMatch(/1\.bias/);
  });
});

describe('the first layer takes up what the source is fed otherwise', () => {
  const fed = { channels: 'BGR', mean: [40, 5, 25], deviation: [60, 2, 7] } as const;
  const graph = network();
  const pixels = Uint8Array.from(uniform('image', 6 * 6 * 3), (u) => 256 * u);

  /** What the source's convolution makes of the image as it is fed: `[6, 6, 5]`. */
  function expected(): Float32Array {
    const [weights, biases] = [valuesOf('0.weight', [5, 3, 3, 3]), valuesOf('0.bias', [5])];
    const out = new Float32Array(6 * 6 * 5);
    for (let at = 0; at < out.length; at++) {
      const [y, x, o] = [Math.floor(at / 30), Math.floor(at / 5) % 6, at % 5];
      let sum = biases[o]!;
      for (let place = 0; place < 27; place++) {
        const [i, r, c] = [Math.floor(place / 9), y - 1 + (Math.floor(place / 3) % 3), x - 1 + (place % 3)];
        if (r < 0 || r > 5 || c < 0 || c > 5) continue;
        const colour = 2 - i;
        sum +=
          weights[o * 27 + place]! * ((pixels[(r * 6 + c) * 3 + colour]! - fed.mean[colour]!) / fed.deviation[colour]!);
      }
      out[at] = sum;
    }
    return out;
  }

  async function found(mean: readonly [number, number, number], own: Graph): Promise<Float32Array> {
    const { reader } = translateNames(file(shapes), own, [{ ...torch, input: { ...fed, mean } }]);
    const variables = new Map<string, Float32Array>();
    for (const { name } of own.variables) variables.set(name, await read(reader, name));
    const nodes = evaluateGraph(own, variables, Float32Array.from(pixels));
    return Float32Array.from(nodes.get('net/conv/BiasAdd')!);
  }

  it('exactly within the image, by the places that the kernel reaches over the edge elsewhere', async () => {
    const [result, right] = [await found(fed.mean, graph), expected()];
    const isInside = (at: number) =>
      [Math.floor(at / 30), Math.floor(at / 5) % 6].every((place) => place > 0 && place < 5);
    const inside = (values: Float32Array) => values.filter((_, at) => isInside(at));
    checkClose(inside(result), inside(right), 1e-6, 'inside');
    // So that the whole image is not exact by chance.
    expect(Math.max(...result.map((value, at) => Math.abs(value - right[at]!)))).toBeGreaterThan(0.1);
  });

  it('exactly everywhere where the means are the same', async () => {
    checkClose(await found(fed.mean, network({ mean: [...fed.mean] })), expected(), 1e-6, 'everywhere');
  });

  it('exactly everywhere where the graph normalizes as the source does, by the order of the channels alone', async () => {
    const maps = [{ ...torch, input: fed }];
    const normalization = sourceNormalization(file(shapes), graph, maps)!;
    expect(normalization).toEqual({ mean: fed.mean, deviation: fed.deviation });
    const own = withNormalization(graph, normalization);
    expect(sourceNormalization(file(shapes), own, maps)).toBeUndefined();
    checkClose(await found(fed.mean, own), expected(), 1e-6, 'everywhere');
    const { reader, changes } = translateNames(file(shapes), own, maps);
    expect(changes.filter(({ adapted }) => adapted).map(({ variable }) => variable)).toEqual(['net/conv/weights']);
    const [weights, foreign] = [await read(reader, 'net/conv/weights'), valuesOf('0.weight', [5, 3, 3, 3])];
    // Bit for bit: place (1, 2), red, which is the source's third channel, and output 4.
    expect(weights[((1 * 3 + 2) * 3 + 0) * 5 + 4]).toBe(foreign[((4 * 3 + 2) * 3 + 1) * 3 + 2]);
  });

  it('means that are less than a hundredth of a grey level apart are one: biases stay as they are', async () => {
    const near = { channels: 'BGR', mean: [10.001, 19.999, 30], deviation: [2, 2, 2] } as const;
    const { changes, reader } = translateNames(file(shapes), graph, [{ ...torch, input: near }]);
    expect(changes.filter(({ adapted }) => adapted).map(({ variable }) => variable)).toEqual(['net/conv/weights']);
    expect(await read(reader, 'net/conv/biases')).toEqual(valuesOf('0.bias', [5]));
  });

  it('what a normalization follows goes into its moving mean', async () => {
    const builder = new GraphBuilder('net', { name: 'images', shape: [6, 6, 3], dtype: 'uint8' });
    let net = builder.normalize(builder.input, { mean: [10, 20, 30], scale: 0.5 });
    net = builder.conv2d(net, { name: 'conv', channels: 5, kernel: 3, activation: 'none', batchNorm: {} });
    const normal = builder.build(net, []);
    const weights = torch.tensors['net/conv/weights']!;
    const norm = ['beta', 'moving_mean', 'moving_variance'];
    const names = norm.map((part) => [`net/conv/BatchNorm/${part}`, { name: `bn.${part}`, axes: [0] }] as const);
    const map: NameMap = {
      source: 'torch',
      tensors: { 'net/conv/weights': weights, ...Object.fromEntries(names) },
      input: fed,
    };
    const tensors = { '0.weight': [5, 3, 3, 3], ...Object.fromEntries(norm.map((part) => [`bn.${part}`, [5]])) };
    const { reader, changes } = translateNames(file(tensors), normal, [map]);
    const adapted = ['net/conv/weights', 'net/conv/BatchNorm/moving_mean'];
    expect(changes.filter((change) => change.adapted).map(({ variable }) => variable)).toEqual(adapted);
    const variables = new Map<string, Float32Array>();
    for (const { name } of normal.variables) variables.set(name, await read(reader, name));
    const nodes = evaluateGraph(normal, variables, Float32Array.from(pixels));
    const found = Float32Array.from(nodes.get('net/conv/BatchNorm/FusedBatchNormV3')!);
    const [beta, mean, variance] = norm.map((part) => valuesOf(`bn.${part}`, [5]));
    const bias = valuesOf('0.bias', [5]);
    const right = expected().map((value, at) => {
      const o = at % 5;
      return (value - bias[o]! - mean![o]!) / Math.sqrt(variance![o]! + 0.001) + beta![o]!;
    });
    const inside = (values: Float32Array) =>
      values.filter((_, at) => [Math.floor(at / 30), Math.floor(at / 5) % 6].every((place) => place > 0 && place < 5));
    // Of a variance that is negative, which this file has too, there is no root.
    const known = (values: Float32Array) => values.filter((_, at) => variance![at % 5]! > -0.001);
    checkClose(known(inside(found)), known(inside(right)), 1e-5, 'inside');
  });

  it('is refused where what is added could go nowhere', () => {
    const builder = new GraphBuilder('net', { name: 'images', shape: [6, 6, 3], dtype: 'uint8' });
    const net = builder.normalize(builder.input, { mean: [10, 20, 30], scale: 0.5 });
    const bare = builder.build(
      builder.conv2d(net, { name: 'conv', channels: 5, kernel: 3, biases: false, activation: 'none' }),
      [],
    );
    expect(caught(() => translateNames(file(shapes), bare, [{ ...torch, input: fed }]))).toMatchObject({
      code: 'checkpoint/other-input',
    });
  });

  it('not at all where the source is fed the same', () => {
    const same = { channels: 'RGB', mean: [10, 20, 30], deviation: [2, 2, 2] } as const;
    const { changes } = translateNames(file(shapes), graph, [{ ...torch, input: same }]);
    expect(changes.filter(({ adapted }) => adapted)).toEqual([]);
  });

  it('biases alone are refused, since they need the weights', async () => {
    const { reader } = translateNames(file({ '0.bias': [5] }), graph, [{ ...torch, input: fed }]);
    await expect(reader.read('net/conv/biases')).rejects.toMatchObject({ code: 'checkpoint/does-not-fit' });
  });
});
