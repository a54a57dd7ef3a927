import { join } from 'node:path';
import { normalizationOf } from '@graftjs/core';
import { nodeFileSystem as files } from '@graftjs/core/node';
import { resnetBackbones } from '@graftjs/model-resnet';
import { vggBackbones } from '@graftjs/model-vgg';
import { expect, it } from 'vitest';
import { variablesOf } from '../test/arranged.js';
import { imagesOf, networkOf, rangesOf, temporaryFolder, valuesOf } from '../test/networks.js';
import { onnx } from './onnx.js';
import { onnxExporter } from './onnx-exporter.js';

const backbones = [...vggBackbones, ...resnetBackbones];
const options = { size: 32, width: 1 / 16, classes: 5 };

/** What is found of a network in the file that it was exported as. */
async function roundTrip(name: string, precision: string) {
  const graph = backbones.find((backbone) => backbone.name === name)!.build(options);
  const values = valuesOf(graph);
  const path = join(await temporaryFolder(), 'model.onnx');
  const nodes = onnxExporter.precisions.find((one) => one.name === precision)!.ranged?.(graph) ?? [];
  const ranges = rangesOf(graph, values, nodes, imagesOf(graph, 1));
  await onnxExporter.write(path, networkOf(graph, values), { precision, ranges, description: '' }, files);
  const file = await onnx.open(path, files);
  const match = file.match!(graph);
  return { graph, values, match, file };
}

it.each(['vgg_16', 'resnet_v1b_50'])('%s is found in its own export, every bit of it', async (name) => {
  const { graph, values, match, file } = await roundTrip(name, 'float32');
  expect(match.parting).toBeUndefined();
  expect(match.input).toEqual({ channels: 'RGB', ...normalizationOf(graph) });
  const found = await variablesOf(match, graph.variables);
  expect(found).toEqual(values);
  await file.close();
});

it('halves are found as halves', async () => {
  const { graph, match, file } = await roundTrip('vgg_16', 'float16');
  expect(Object.keys(match.tensors)).toHaveLength(graph.variables.length);
  const { name } = match.tensors['vgg_16/conv1/conv1_2/weights']!;
  expect(match.reader.tensors.get(name)).toMatchObject({ dtype: 'float16', shape: [4, 4, 3, 3] });
  await file.close();
});
