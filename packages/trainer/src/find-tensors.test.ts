import { type CheckpointReader, GraphBuilder, type NameMap, type NetworkMatch } from '@graftjs/core';
import { describe, expect, it } from 'vitest';
import { findTensors } from './find-tensors.js';

const builder = new GraphBuilder('net', { name: 'images', shape: [4, 4, 3], dtype: 'uint8' });
const first = builder.conv2d(builder.input, { name: 'first', channels: 2, kernel: 3 });
const graph = builder.build(builder.conv2d(first, { name: 'second', channels: 2, kernel: 3 }), []);

const oihw = [3, 2, 0, 1];
const pair = (variable: string, layer: string) => ({
  [`net/${variable}/weights`]: { name: `${layer}.weight`, axes: oihw },
  [`net/${variable}/biases`]: { name: `${layer}.bias`, axes: [0] },
});
const sourceOf = (source: string, layers: readonly [string, string], channels: 'RGB' | 'BGR' = 'RGB'): NameMap => ({
  source,
  tensors: { ...pair('first', layers[0]), ...pair('second', layers[1]) },
  input: { channels, mean: [1, 2, 3], deviation: [1, 1, 1] },
});
const torch = sourceOf('torch', ['stem.0', 'blocks.1.conv']);
const caffe = sourceOf('caffe', ['block1_conv1', 'block1_conv2'], 'BGR');

/** A file with tensors of such names, whose network is matched as it is said. */
function file(names: readonly string[], match?: Partial<NetworkMatch>): CheckpointReader {
  const reader: CheckpointReader = {
    tensors: new Map(names.map((name) => [name, { name, shape: [1], dtype: 'float32' as const }])),
    read: async () => new Uint8Array(4),
    readStrings: async () => [],
    close: async () => {},
    ...(match && { match: () => ({ reader, tensors: {}, layers: {}, ...match }) }),
  };
  return reader;
}

/** A network that has all variables, by names of no meaning, in layers that are called so. */
function walked(layers: readonly [string, string], match: Partial<NetworkMatch> = {}): CheckpointReader {
  const tensors = { ...pair('first', 'onnx::1'), ...pair('second', 'onnx::2') };
  const layerOf = (name: string) => layers[name.startsWith('net/first') ? 0 : 1];
  const called = Object.fromEntries(Object.keys(tensors).map((name) => [name, layerOf(name)]));
  return file(
    Object.values(tensors).map(({ name }) => name),
    { tensors, layers: called, ...match },
  );
}

describe('a file with a network', () => {
  it.each<[string, NameMap, [string, string]]>([
    ['PyTorch’s scopes', torch, ['/stem/stem.0/Conv', '/blocks/blocks.1/conv/Conv']],
    ['dotted names', torch, ['stem.0', 'blocks.1.conv']],
    [
      'scopes of a model in which it is',
      caffe,
      ['model_1/vgg16/block1_conv1/Conv2D', 'model_1/vgg16/block1_conv2/Conv2D'],
    ],
    ['numbered operations', caffe, ['functional_1/block1_conv1_1/BiasAdd', 'functional_1/block1_conv2_1/BiasAdd']],
  ])('is walked, and fed as that of the source whose names its layers have: %s', (_, map, layers) => {
    const found = findTensors(walked(layers), graph, [torch, caffe]);
    expect(found).toMatchObject({ source: map.source, network: {}, map: { input: map.input } });
    expect(found.map!.tensors['net/second/weights']).toEqual({ name: 'onnx::2.weight', axes: oihw });
  });

  it.each<[string, [string, string]]>([
    ['nobody’s', ['Conv_0', 'Conv_1']],
    ['nearly those of a source', ['stem.01', 'xblocks.1.conv']],
    ['those of other layers', ['/blocks/blocks.1/conv/Conv', '/stem/stem.0/Conv']],
  ])('is fed as the graph where its names are %s', (_, layers) => {
    const found = findTensors(walked(layers), graph, [torch, caffe]);
    expect([found.source, found.map!.input]).toEqual([undefined, undefined]);
    expect(findTensors(walked(layers), graph, [torch, caffe], 'caffe')).toMatchObject({
      source: 'caffe',
      map: { input: caffe.input },
    });
  });

  it('is fed as it says itself, where it does', () => {
    const input = { channels: 'RGB', mean: [9, 9, 9], deviation: [2, 2, 2] } as const;
    expect(findTensors(walked(['stem.0', 'blocks.1.conv'], { input }), graph, [torch]).map!.input).toEqual(input);
  });

  it('is refused where two sources have its names and feed theirs in different ways, until one is chosen', () => {
    const other = { ...torch, source: 'other', input: caffe.input! };
    const named = walked(['stem.0', 'blocks.1.conv']);
    const ambiguous = expect.objectContaining({ code: 'checkpoint/ambiguous-names' });
    expect(() => findTensors(named, graph, [torch, other])).toThrow(ambiguous);
    expect(findTensors(named, graph, [torch, other], 'other').map!.input).toEqual(caffe.input);
    expect(findTensors(named, graph, [torch, { ...torch, source: 'same' }]).source).toBe('torch');
  });

  it('is read by names where it has no layer in common with the graph, or fewer than there are names', () => {
    const names = Object.values(torch.tensors).map(({ name }) => name);
    const parting = 'They part.';
    expect(findTensors(file(names, { parting }), graph, [torch])).toEqual({
      file: expect.anything(),
      map: torch,
      source: 'torch',
    });
    const some = { tensors: pair('first', 'stem.0'), layers: {}, parting };
    expect(findTensors(file(names, some), graph, [torch]).network).toBeUndefined();
    expect(findTensors(file(['onnx::1'], some), graph, [torch]).network).toEqual({ parting });
  });

  it('that has nothing is refused with where it parts', () => {
    expect(() => findTensors(file(['a'], { parting: 'They part.' }), graph, [torch])).toThrow(
      expect.objectContaining({ code: 'checkpoint/other-names', message: expect.stringMatching(/They part\.$/) }),
    );
  });
});
