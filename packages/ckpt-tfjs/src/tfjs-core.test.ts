import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CheckpointReader, TensorSource } from '@graftjs/core';
import { nodeFileSystem as files } from '@graftjs/core/node';
import { uniform } from '@graftjs/core/testing';
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { layers, type Sequential, sequential } from '@tensorflow/tfjs-layers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tfjs } from './index.js';

const fixtures = fileURLToPath(new URL('../fixtures', import.meta.url));
const folder = await mkdtemp(join(tmpdir(), 'graft-tfjs-core-'));
beforeAll(() => tf.setBackend('cpu'));
afterAll(() => rm(folder, { recursive: true, force: true }));

/** tfjs's handler of models that are served, reading from disk. */
const served = (path: string) =>
  tf.io.http(path, {
    fetchFunc: async (url) => new Response(Uint8Array.from(await readFile(String(url)))),
  });

/** All tensors of a model, as tfjs reads them. */
async function tensorsOf(path: string): Promise<tf.NamedTensorMap> {
  const { weightData, weightSpecs } = await served(path).load!();
  return tf.io.decodeWeights(weightData!, weightSpecs!);
}

async function bytesOf(tensor: tf.Tensor): Promise<Uint8Array> {
  const { buffer, byteOffset, byteLength } = await tensor.data();
  return new Uint8Array(buffer, byteOffset, byteLength);
}

async function expectSame(reader: CheckpointReader, tensors: tf.NamedTensorMap): Promise<void> {
  expect([...reader.tensors.keys()]).toEqual(Object.keys(tensors).sort());
  for (const { name, dtype, shape } of reader.tensors.values()) {
    const tensor = tensors[name]!;
    expect([name, tensor.dtype, tensor.shape]).toEqual([name, dtype, shape]);
    const found = dtype === 'string' ? await tensor.bytes() : await bytesOf(tensor);
    expect(found, name).toEqual(dtype === 'string' ? await reader.readStrings(name) : await reader.read(name));
  }
}

describe.each(['types', 'layers', 'quantized', 'graph', 'slim_graph'])('%s of tensorflowjs_converter', (name) => {
  const path = join(fixtures, name, 'model.json');
  it('is to Graft what it is to tfjs, bit for bit', async () => {
    await expectSame(await tfjs.open(path, files), await tensorsOf(path));
  });

  it('is the same to tfjs once Graft has written it again', async () => {
    const reader = await tfjs.open(path, files);
    const sources = [...reader.tensors.values()].map((tensor): TensorSource => {
      const { name, dtype } = tensor;
      return { ...tensor, read: () => (dtype === 'string' ? reader.readStrings(name) : reader.read(name)) };
    });
    const to = join(folder, `${name}.json`);
    await tfjs.write!(to, sources, files);
    await expectSame(reader, await tensorsOf(to));
  });
});

it('tensors that go from shard to shard are whole to tfjs', async () => {
  const path = join(folder, 'large.json');
  const values = Float32Array.from(uniform('large', 2_500_001));
  const large = (name: string): TensorSource => ({
    name,
    dtype: 'float32',
    shape: [values.length],
    read: () => new Uint8Array(values.buffer),
  });
  const odd: TensorSource = { name: 'odd', dtype: 'bool', shape: [3], read: () => Uint8Array.of(1, 0, 1) };
  await tfjs.write!(path, [large('a'), odd, large('b')], files);
  expect(await tfjs.filesOf(path, files)).toHaveLength(1 + Math.ceil((2 * values.byteLength + 3) / (1 << 22)));
  const { weightsManifest } = JSON.parse(await readFile(path, 'utf8'));
  const load = tf.io.weightsLoaderFactory((paths) =>
    Promise.all(paths.map(async (shard) => Uint8Array.from(await readFile(shard)).buffer)),
  );
  for (const tensors of [await tensorsOf(path), await load(weightsManifest, folder)]) {
    for (const name of ['a', 'b'])
      expect(Buffer.compare(await bytesOf(tensors[name]!), Buffer.from(values.buffer))).toBe(0);
    expect([...(await bytesOf(tensors.odd!))]).toEqual([1, 0, 1]);
  }
});

/** A network of tfjs's own layers. */
function network(): Sequential {
  return sequential({
    layers: [
      layers.conv2d({ inputShape: [8, 8, 3], filters: 4, kernelSize: 3, name: 'conv1_conv' }),
      layers.batchNormalization({ name: 'conv1_bn' }),
      layers.flatten(),
      layers.dense({ units: 5, biasInitializer: 'randomNormal', name: 'predictions' }),
    ],
  });
}

/** As `tf.io.fileSystem` of tfjs-node writes it: one file of weights, the manifest after the topology. */
const saveTo = (path: string) =>
  tf.io.withSaveHandler(async ({ modelTopology, weightSpecs, weightData, format, generatedBy }) => {
    const weightsManifest = [{ paths: ['weights.bin'], weights: weightSpecs }];
    await writeFile(path, JSON.stringify({ modelTopology, weightsManifest, format, generatedBy }));
    await writeFile(
      join(dirname(path), 'weights.bin'),
      new Uint8Array(tf.io.concatenateArrayBuffers([weightData].flat() as ArrayBuffer[])),
    );
    return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } };
  });

it('a network that tfjs trains goes to Graft and back, by the names of its layers', async () => {
  const [saved, back] = [join(folder, 'model.json'), join(folder, 'back.json')];
  const original = network();
  await original.save(saveTo(saved));
  const reader = await tfjs.open(saved, files);
  expect([...reader.tensors.keys()]).toEqual([
    ...['beta', 'gamma', 'moving_mean', 'moving_variance'].map((part) => `conv1_bn/${part}`),
    ...['conv1_conv/bias', 'conv1_conv/kernel', 'predictions/bias', 'predictions/kernel'],
  ]);
  for (const { originalName, val } of original.weights.map((weight) => ({
    originalName: weight.originalName,
    val: weight.read(),
  })))
    expect(await reader.read(originalName), originalName).toEqual(await bytesOf(val));

  const halved = [...reader.tensors.values()].map(
    (tensor): TensorSource => ({
      ...tensor,
      async read() {
        const values = new Float32Array((await reader.read(tensor.name)).buffer).map((value) => value / 2);
        return new Uint8Array(values.buffer);
      },
    }),
  );
  await tfjs.write!(back, halved, files);
  const other = network();
  other.loadWeights(await tensorsOf(back));
  for (const [index, weight] of other.getWeights().entries())
    expect(await weight.data()).toEqual((await original.getWeights()[index]!.data()).map((value) => value / 2));
});
