import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createMemoryFiles, type Graph, GraphBuilder } from '@graftjs/core';
import { nodeFileSystem } from '@graftjs/core/node';
import { checkClose, evaluateGraph, uniform } from '@graftjs/core/testing';
import { describe, expect, it } from 'vitest';
import { variablesOf } from '../../test/arranged.js';
import { networks } from '../../test/exported-networks.js';
import {
  attribute,
  bytes,
  float,
  floatInitializer,
  floats,
  input,
  int64s,
  integer,
  integers,
  message,
  model,
  node,
  tensorFields,
} from '../../test/protobuf.js';
import { onnx } from '../onnx.js';

const fixture = (name: string): string => fileURLToPath(new URL(`../../fixtures/${name}`, import.meta.url));
/** What onnxruntime makes of each file. */
const expected: Record<string, { network: keyof typeof networks; logits: number[] }> = JSON.parse(
  readFileSync(fixture('logits.json'), 'utf8'),
);

async function matched(path: string, graph: Graph) {
  const file = await onnx.open(path, nodeFileSystem);
  const match = file.match!(graph);
  const variables = await variablesOf(match, graph.variables);
  await match.reader.close();
  return { match, variables };
}

function logits(graph: Graph, variables: ReadonlyMap<string, Float32Array>): Float64Array {
  const [size] = graph.input.shape;
  const image = Float32Array.from(uniform(graph.name, size! * size! * 3), (u) => 2 * u - 1);
  return evaluateGraph(graph, variables, image).get(graph.output)!;
}

describe.each(Object.entries(expected))('%s', (name, { network, logits: values }) => {
  it('has each variable, and with them the logits that onnxruntime computes of the file', async () => {
    const graph = networks[network]();
    const { match, variables } = await matched(fixture(name), graph);
    expect([match.parting, match.differences]).toEqual([undefined, undefined]);
    expect([...variables.keys()]).toEqual(graph.variables.map((variable) => variable.name));
    checkClose(logits(graph, variables), values, 1e-5, name);
  });
});

describe('batch normalization', () => {
  it.each(['pytorch_residual_script.onnx', 'pytorch_residual_script_apart.onnx', 'keras_residual.onnx'])(
    'of %s is taken by a network whose own has no gamma',
    async (name) => {
      const graph = networks.residual({ scale: false });
      const { variables } = await matched(fixture(name), graph);
      checkClose(logits(graph, variables), expected[name]!.logits, 1e-5, name);
    },
  );

  it('of another epsilon than the network’s gives the same all the same', async () => {
    const graph = networks.residual({ epsilon: 0.01 });
    const { variables } = await matched(fixture('pytorch_residual_script_apart.onnx'), graph);
    checkClose(logits(graph, variables), expected['pytorch_residual_script_apart.onnx']!.logits, 1e-5, 'logits');
  });

  it('takes up a bias before it', async () => {
    const file = oneLayer(
      node('Add', ['y', 'two'], 'z'),
      floatInitializer('v', [2], [4, 9]),
      floatInitializer('m', [2], [1, 2]),
      node('BatchNormalization', ['z', 'other', 'scalar', 'm', 'v'], 'u', attribute('epsilon', float(2, 0.001))),
    );
    const variables = await found(file, convolution({ batchNorm: { scale: true } }));
    expect(variables).toMatchObject({
      'BatchNorm/gamma': [0.5, -1],
      'BatchNorm/beta': [2, 2],
      'BatchNorm/moving_mean': [-9, -18],
      'BatchNorm/moving_variance': [4, 9],
    });
  });

  it('that is folded into convolutions leaves statistics that do nothing, and one that is not has its own', async () => {
    const graph = networks.residual();
    const statistics = async (name: string) => {
      const { variables } = await matched(fixture(name), graph);
      return ['moving_mean', 'moving_variance', 'gamma'].map(
        (part) => variables.get(`residual/stem/BatchNorm/${part}`)!,
      );
    };
    const folded = await statistics('pytorch_residual_script.onnx');
    expect(folded.map((values) => [...new Set(values)])).toEqual([[0], [Math.fround(1 - 1e-5)], [1]]);
    const apart = await statistics('pytorch_residual_script_apart.onnx');
    for (const values of apart) expect(new Set(values).size).toBe(8);
  });
});

/** A file of one convolution of two channels, and what comes behind it. */
function oneLayer(...behind: Uint8Array[]): Buffer {
  return model(
    input('x'),
    floatInitializer('w', [2, 3, 1, 1], [1, 2, 3, 4, 5, 6]),
    floatInitializer('two', [2, 1, 1], [10, 20]),
    floatInitializer('other', [1, 2, 1, 1], [0.5, -1]),
    floatInitializer('scalar', [], [2]),
    node('Conv', ['x', 'w'], 'y'),
    ...behind,
  );
}

function convolution(options: { biases?: boolean; batchNorm?: { scale: boolean } } = {}): Graph {
  const graph = new GraphBuilder('one', { name: 'x', shape: [2, 2, 3], dtype: 'float32' });
  const y = graph.conv2d(graph.input, { name: 'conv', channels: 2, kernel: 1, activation: 'none', ...options });
  return graph.build(y, []);
}

async function found(file: Uint8Array, graph: Graph): Promise<Record<string, number[]>> {
  const reader = await onnx.open('one.onnx', createMemoryFiles([['one.onnx', file]]));
  const variables = await variablesOf(reader.match!(graph), graph.variables);
  return Object.fromEntries([...variables].map(([name, values]) => [name.replace('one/conv/', ''), [...values]]));
}

describe('what is done to the channels behind a convolution', () => {
  const hwio = [1, 4, 2, 5, 3, 6];
  const scaled = (first: number, second: number) =>
    hwio.map((value, index) => value * (index % 2 === 0 ? first : second));

  it.each<[string, Uint8Array[], number[], number[]]>([
    ['nothing', [], hwio, [0, 0]],
    ['an addition', [node('Add', ['y', 'two'], 'z')], hwio, [10, 20]],
    ['an addition from the left', [node('Add', ['two', 'y'], 'z')], hwio, [10, 20]],
    ['a scalar', [node('Sub', ['y', 'scalar'], 'z')], hwio, [-2, -2]],
    ['a multiplication', [node('Mul', ['y', 'two'], 'z')], scaled(10, 20), [0, 0]],
    [
      'several of them',
      [node('Add', ['y', 'other'], 'z'), node('Mul', ['z', 'two'], 'u'), node('Div', ['u', 'scalar'], 'v')],
      scaled(5, 10),
      [2.5, -10],
    ],
    [
      'an addition behind an activation, which is no part of it',
      [node('Relu', ['y'], 'z'), node('Add', ['z', 'two'], 'u')],
      hwio,
      [0, 0],
    ],
    [
      'an addition behind a branch, which is no part of it',
      [node('Relu', ['y'], 'r'), node('Add', ['y', 'two'], 'u')],
      hwio,
      [0, 0],
    ],
    [
      'an addition in another layout',
      [
        node('Transpose', ['y'], 't', integers('perm', [0, 2, 3, 1])),
        floatInitializer('last', [2], [7, 8]),
        node('Add', ['t', 'last'], 'u'),
      ],
      hwio,
      [7, 8],
    ],
    [
      'an addition along another axis, which is no part of it',
      [floatInitializer('rows', [2, 1], [7, 8]), node('Add', ['y', 'rows'], 'u')],
      hwio,
      [0, 0],
    ],
  ])('%s', async (_, behind, weights, biases) => {
    expect(await found(oneLayer(...behind), convolution())).toEqual({ weights, biases });
  });

  it('goes into batch normalization where the network has that', async () => {
    const behind = [node('Mul', ['y', 'two'], 'z'), node('Add', ['z', 'other'], 'u')];
    const statistics = {
      'BatchNorm/moving_mean': [0, 0],
      'BatchNorm/moving_variance': [0.999, 0.999].map(Math.fround),
      'BatchNorm/beta': [0.5, -1],
    };
    expect(await found(oneLayer(...behind), convolution({ batchNorm: { scale: true } }))).toEqual({
      weights: hwio,
      'BatchNorm/gamma': [10, 20],
      ...statistics,
    });
    expect(await found(oneLayer(...behind), convolution({ batchNorm: { scale: false } }))).toEqual({
      weights: scaled(10, 20),
      ...statistics,
    });
  });

  it('is refused where the network has nothing that adds', async () => {
    const graph = convolution({ biases: false });
    expect(await found(oneLayer(node('Mul', ['y', 'two'], 'z')), graph)).toEqual({ weights: scaled(10, 20) });
    expect(await found(oneLayer(node('Add', ['y', 'two'], 'z')), graph)).toEqual({});
  });
});

describe('weights', () => {
  const one = (...fields: Uint8Array[]) => model(input('x'), ...fields, node('Conv', ['x', 'w'], 'y'));
  const values = [1, 2, 3, 4, 5, 6];

  it.each<[string, Uint8Array[], number[]]>([
    [
      'behind a Transpose',
      [
        floatInitializer('stored', [1, 1, 3, 2], values),
        node('Transpose', ['stored'], 'w', integers('perm', [3, 2, 0, 1])),
      ],
      values,
    ],
    [
      'behind a Reshape',
      [
        floatInitializer('stored', [2, 3], values),
        node(
          'Constant',
          [],
          'shape',
          attribute('value', message(5, tensorFields('', 7, [4]), bytes(9, int64s([0, -1, 1, 1])))),
        ),
        node('Reshape', ['stored', 'shape'], 'w'),
      ],
      [1, 4, 2, 5, 3, 6],
    ],
    [
      'behind Unsqueeze, Cast and Identity',
      [
        floatInitializer('stored', [2, 3], values),
        node('Unsqueeze', ['stored'], 'a', integers('axes', [-1, 2])),
        node('Cast', ['a'], 'b', attribute('to', integer(3, 1))),
        node('Identity', ['b'], 'w'),
      ],
      [1, 4, 2, 5, 3, 6],
    ],
    [
      'of a Constant node',
      [
        node(
          'Constant',
          [],
          'w',
          attribute('value', message(5, tensorFields('', 1, [2, 3, 1, 1]), bytes(9, floats(values)))),
        ),
      ],
      [1, 4, 2, 5, 3, 6],
    ],
  ])('%s', async (_, fields, weights) => {
    expect(await found(one(...fields), convolution({ biases: false }))).toEqual({ weights });
  });

  it.each<[string, Uint8Array[], number[], number[]]>([
    ['a Gemm', [], [1, 4, 2, 5, 3, 6], [10, 20]],
    ['a Gemm of its transposed weights', [attribute('transB', integer(3, 1))], values, [10, 20]],
    ['alpha', [attribute('alpha', float(2, 3))], [3, 12, 6, 15, 9, 18], [10, 20]],
    ['beta', [attribute('beta', float(2, 0.5))], [1, 4, 2, 5, 3, 6], [5, 10]],
    ['both', [attribute('alpha', float(2, 3)), attribute('beta', float(2, 0.5))], [3, 12, 6, 15, 9, 18], [5, 10]],
    ['a beta of 0', [attribute('beta', float(2, 0))], [1, 4, 2, 5, 3, 6], [0, 0]],
  ])('of a dense layer: %s', async (what, attributes, weights, biases) => {
    const isTransposed = what.includes('transposed');
    const stored = isTransposed ? [1, 3, 5, 2, 4, 6] : [1, 4, 2, 5, 3, 6];
    const file = model(
      input('x'),
      floatInitializer('w', isTransposed ? [2, 3] : [3, 2], stored),
      floatInitializer('b', [2], [10, 20]),
      node('GlobalAveragePool', ['x'], 'm'),
      node('Flatten', ['m'], 'f'),
      node('Gemm', ['f', 'w', 'b'], 'y', ...attributes),
    );
    const graph = new GraphBuilder('one', { name: 'x', shape: [2, 2, 3], dtype: 'float32' });
    const mean = graph.mean(graph.input, { name: 'mean' });
    const y = graph.conv2d(mean, { name: 'conv', channels: 2, kernel: 1, activation: 'none' });
    const variables = await found(file, graph.build(y, []));
    expect(variables).toEqual({ weights, biases });
  });
});

describe('what a network does to its images before the first layer', () => {
  const graph = convolution();
  const fed = async (type: number, ...fields: Uint8Array[]) => {
    const weights = floatInitializer('w', [2, 3, 1, 1], [1, 2, 3, 4, 5, 6]);
    const file = model(input('images', type), weights, ...fields, node('Conv', ['x', 'w'], 'y'));
    return (await onnx.open('one.onnx', createMemoryFiles([['one.onnx', file]]))).match!(graph).input;
  };
  const [bytesOf, floatsOf] = [2, 1];
  const turned = node('Transpose', ['images'], 't', integers('perm', [0, 3, 1, 2]));

  it('is read where it takes bytes', async () => {
    const input = await fed(
      bytesOf,
      turned,
      node('Cast', ['t'], 'c', attribute('to', integer(3, 1))),
      floatInitializer('mean', [3, 1, 1], [123.68, 116.78, 103.94]),
      floatInitializer('factor', [1, 3, 1, 1], [0.5, 0.25, 0.125]),
      node('Sub', ['c', 'mean'], 's'),
      node('Mul', ['s', 'factor'], 'x'),
    );
    expect(input).toEqual({ channels: 'RGB', mean: [123.68, 116.78, 103.94], deviation: [2, 4, 8] });
    expect(await fed(bytesOf, node('Cast', ['images'], 'x'))).toEqual({
      channels: 'RGB',
      mean: [0, 0, 0],
      deviation: [1, 1, 1],
    });
  });

  it('is that of values from 0 to 1 where nothing larger is subtracted and divided by', async () => {
    const input = await fed(
      floatsOf,
      floatInitializer('mean', [3], [0.485, 0.456, 0.406]),
      floatInitializer('deviation', [3], [0.229, 0.224, 0.225]),
      node('Sub', ['images', 'mean'], 's'),
      node('Div', ['s', 'deviation'], 'd'),
      node('Transpose', ['d'], 'x', integers('perm', [0, 3, 1, 2])),
    );
    expect(input).toEqual({ channels: 'RGB', mean: [123.675, 116.28, 103.53], deviation: [58.395, 57.12, 57.375] });
  });

  it('is nothing where it leaves that to its user', async () => {
    expect(await fed(floatsOf, node('Identity', ['images'], 'x'))).toBeUndefined();
  });

  it('is refused where it is along another axis than that of the channels', async () => {
    const rows = [floatInitializer('rows', [3, 1], [1, 2, 3]), node('Sub', ['images', 'rows'], 'x')];
    await expect(fed(bytesOf, ...rows)).rejects.toMatchObject({ code: 'checkpoint/unknown-preprocessing' });
  });
});
