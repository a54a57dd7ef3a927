import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { slimV2 } from '@graftjs/ckpt-slim';
import { tfjs } from '@graftjs/ckpt-tfjs';
import { elementCount, type Shape } from '@graftjs/core';
import { nodeFileSystem as files } from '@graftjs/core/node';
import { uniform } from '@graftjs/core/testing';
import { expect, it } from 'vitest';
import { checkpoints, graft, temporaryFolder, writeCifar10 } from '../../test/graft.js';

const at = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const hashes = async (path: string) => (await graft(['inspect', path, '--json', '--hash'])).stdout;

it('a model of tensorflowjs_converter is inspected, quantized weights by the values that they stand for', async () => {
  const path = at('ckpt-tfjs/fixtures/quantized/model.json');
  const { status, stdout } = await graft(['inspect', path]);
  expect(status).toBe(0);
  expect(stdout).toMatch(/conv1_conv\/kernel +float32 +3x3x3x4\n/);
  expect(stdout).toMatch(/model\.json: 8 variables, tfjs\n/);
  const expected = JSON.parse(readFileSync(at('ckpt-tfjs/fixtures/quantized.manifest.json'), 'utf8'));
  expect(JSON.parse(await hashes(path))).toEqual(expected);
});

it("a checkpoint of TensorFlow's goes there and back, and what is made another type is said", async () => {
  const folder = await temporaryFolder();
  const [original, model, back] = [
    at('../examples/quickstart/vgg_16_quarter_cifar10.ckpt'),
    join(folder, 'web/model.json'),
    join(folder, 'back'),
  ];
  const there = await graft(['convert', original, model, '--format', 'tfjs']);
  expect(there.status, there.stderr).toBe(0);
  expect(there.stdout).toMatch(/\(slim-v1\) is now .*model\.json \(tfjs\): \d+ variables, none of them renamed/);
  expect(there.stdout).toContain('\nglobal_step: int64 made int32.\n');
  expect((await graft(['convert', model, back])).status).toBe(0);
  const withoutStep = (json: string) =>
    (JSON.parse(json) as { name: string }[]).filter(({ name }) => name !== 'global_step');
  expect(withoutStep(await hashes(back))).toEqual(withoutStep(await hashes(original)));
  const refused = await graft([
    'convert',
    join(checkpoints, 'v1_types.ckpt'),
    join(folder, 'a.json'),
    '--format',
    'tfjs',
  ]);
  expect([refused.status, refused.stderr]).toEqual([
    1,
    expect.stringMatching(/TensorFlow\.js has no \w+\. It has float32/),
  ]);
});

it('fine-tuning starts from a layers-model, by the names of Keras', async () => {
  const folder = await temporaryFolder();
  const { shapes } = JSON.parse(readFileSync(at('model-vgg/fixtures/foreign_networks.json'), 'utf8')).networks
    .keras as {
    shapes: Readonly<Record<string, Shape>>;
  };
  const values = (name: string) =>
    new Uint8Array(Float32Array.from(uniform(name, elementCount(shapes[name]!)), (u) => (2 * u - 1) / 10).buffer);
  const model = join(folder, 'model.json');
  const tensors = Object.entries(shapes).map(([name, shape]) => ({
    name,
    shape,
    dtype: 'float32' as const,
    read: () => values(name),
  }));
  await tfjs.write!(model, tensors, files);
  const run = join(folder, 'run');
  const done = await graft(
    [
      ...'finetune --model vgg_16 --head pooled --width 0.25 --size 32 --dataset cifar10'.split(' '),
      ...['--data', await writeCifar10(join(folder, 'data')), '--checkpoint', model, '--exclude', 'vgg_16/logits'],
      ...['--train', 'head', '--steps', '2', '--batch-size', '4', '--out', run],
    ],
    { env: { ...process.env, GRAFT_CACHE: folder } },
  );
  expect(done.status, done.stderr).toBe(0);
  expect(done.stderr).toMatch(/26 of 28 variables come from .*model\.json, by the names of keras: /);
  const reader = await slimV2.open(join(run, 'checkpoints/model.ckpt-2'), files);
  expect(await reader.read('vgg_16/conv3/conv3_2/weights')).toEqual(values('block3_conv2/kernel'));
  await reader.close();
});
