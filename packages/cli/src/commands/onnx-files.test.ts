import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { onnxExporter } from '@graftjs/ckpt-onnx';
import type { Backbone, BackboneOptions } from '@graftjs/core';
import { nodeFileSystem as files } from '@graftjs/core/node';
import { formulaVariable } from '@graftjs/core/testing';
import { resnetBackbones } from '@graftjs/model-resnet';
import { vggBackbones } from '@graftjs/model-vgg';
import { expect, it } from 'vitest';
import { graft, temporaryFolder, writeCifar10 } from '../../test/graft.js';

const small = ['--width', '0.0625', '--size', '32'];
const options: BackboneOptions = { width: 1 / 16, size: 32, classes: 10 };

/** An ONNX file of a small network, and its weights by Slim's names. */
async function exported(
  backbones: readonly Backbone[],
  model: string,
  fill: (name: string) => number | undefined = () => undefined,
) {
  const graph = backbones.find(({ name }) => name === model)!.build(options);
  const values = new Map(
    graph.variables.map(({ name, shape }) => {
      const constant = fill(name);
      const drawn = formulaVariable(name, shape);
      return [name, constant === undefined ? drawn : drawn.fill(constant)];
    }),
  );
  const path = join(await temporaryFolder(), 'network.onnx');
  const network = {
    graph,
    async read(name: string, start: number, into: Float32Array) {
      into.set(values.get(name)!.subarray(start, start + into.length));
    },
  };
  await onnxExporter.write(path, network, { precision: 'float32', description: '' }, files);
  return { path, values };
}

it('an ONNX file is inspected and converted as any checkpoint, layer by layer', async () => {
  const { path, values } = await exported(vggBackbones, 'vgg_16');
  const inspected = await graft(['inspect', path]);
  expect(inspected.stdout).toMatch(/float32 +64x3x3x3\b|float32 +4x3x3x3\b/);
  expect(inspected.stdout).toMatch(/network\.onnx: \d+ variables, onnx\n/);

  const to = join(path, '../vgg_16');
  const model = ['--model', 'vgg_16', ...small, '--classes', '10'];
  const done = await graft(['convert', path, to, ...model]);
  expect(done.stderr).toBe('');
  expect(done.stdout).toContain("32 variables, found by walking the file's network.");
  const found = JSON.parse((await graft(['inspect', to, '--hash', '--json'])).stdout) as {
    name: string;
    sha256: string;
  }[];
  const expected = [...values].map(([name, array]) => {
    return { name, sha256: createHash('sha256').update(new Uint8Array(array.buffer)).digest('hex') };
  });
  expect(found).toEqual(expect.arrayContaining(expected.map((tensor) => expect.objectContaining(tensor))));

  const json = JSON.parse((await graft(['convert', path, to, ...model, '--json'])).stdout);
  expect(json).toMatchObject({ from: 'onnx', network: true });
  const other = await graft(['convert', path, to, '--model', 'vgg_19', ...small, '--classes', '5']);
  expect(other.status).toBe(1);
  expect(other.stderr).toMatch(/vgg_19\/conv3\/conv3_4\/weights +missing +3x3x16x16 +-\n/);
  expect(other.stderr).toMatch(
    /The networks part after '.*' of the file: there it has .*maxPool.*vgg_19\/conv3\/conv3_4\/Conv2D/,
  );
});

it('fine-tuning starts from an ONNX file', async () => {
  const { path } = await exported(vggBackbones, 'vgg_16');
  const folder = await temporaryFolder();
  const done = await graft(
    [
      ...['finetune', '--model', 'vgg_16', '--head', 'pooled', ...small, '--dataset', 'cifar10'],
      ...['--data', await writeCifar10(join(folder, 'data')), '--checkpoint', path, '--exclude', 'vgg_16/logits'],
      ...['--train', 'head', '--steps', '2', '--batch-size', '4', '--out', join(folder, 'run')],
    ],
    { env: { ...process.env, GRAFT_CACHE: folder } },
  );
  expect(done.status, done.stderr).toBe(0);
  expect(done.stderr).toMatch(
    /26 of 28 variables come from .*network\.onnx, found by walking the file's network: 13 of them permuted/,
  );
});

it('batch normalization that is folded into convolutions is not normalized once more', async () => {
  const statistics = (name: string) =>
    name.endsWith('moving_mean') ? 0 : name.endsWith('moving_variance') ? 1 - 1e-5 : undefined;
  const { path } = await exported(resnetBackbones, 'resnet_v1b_50', statistics);
  const folder = await temporaryFolder();
  const args = [
    ...['finetune', '--model', 'resnet_v1b_50', ...small, '--dataset', 'cifar10'],
    ...['--data', await writeCifar10(join(folder, 'data')), '--checkpoint', path],
    ...['--steps', '1', '--batch-size', '4', '--learning-rate', '0.001'],
  ];
  const refused = await graft([...args, '--out', join(folder, 'refused')]);
  expect([refused.status, refused.stderr]).toEqual([
    1,
    expect.stringMatching(/conv1\/BatchNorm.* and 52 more.*--batch-norm frozen/),
  ]);
  const done = await graft([...args, '--batch-norm', 'frozen', '--out', join(folder, 'run')]);
  expect(done.status, done.stderr).toBe(0);
});
