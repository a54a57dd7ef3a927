import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ckptSafetensors, { safetensors } from '@graftjs/ckpt-safetensors';
import ckptSlim, { slimV2 } from '@graftjs/ckpt-slim';
import { BACKBONE, createContainer, ENGINE, elementCount, type NameMap, resolve, type Shape } from '@graftjs/core';
import { nodeFileSystem as files } from '@graftjs/core/node';
import { checkClose, formulaPicture, uniform } from '@graftjs/core/testing';
import engineOnnx from '@graftjs/engine-onnx';
import modelVgg from '@graftjs/model-vgg';
import { restoreVariables, translateNames } from '@graftjs/trainer';
import { describe, expect, it } from 'vitest';
import { graft, temporaryFolder, writeCifar10 } from '../../test/graft.js';

/** VGG-16 at a quarter of its width as torchvision, timm and Keras have it: names, and logits of two pictures. */
interface Network {
  readonly shapes: Readonly<Record<string, Shape>>;
  readonly logits: readonly (readonly number[])[];
  /** Where the source is fed pictures with Slim's mean instead of its own. */
  readonly logitsWithSlimMean?: readonly (readonly number[])[];
}
const { networks } = JSON.parse(
  readFileSync(new URL('../../../model-vgg/fixtures/foreign_networks.json', import.meta.url), 'utf8'),
) as { networks: Readonly<Record<string, Network>> };
const options = { width: 0.25, classes: 20 };
const cliOptions = ['--width', '0.25', '--classes', '20'];

const container = createContainer([ckptSafetensors, ckptSlim, modelVgg, engineOnnx]);
const backbone = resolve(container, BACKBONE, 'vgg_16');
const pictures = () => Buffer.concat(['foreign/0', 'foreign/1'].map((name) => formulaPicture(name, 224, 224)));

/** The values that `tools/write_foreign_networks.py` of model-vgg gave the source's network. */
function formula(source: string, name: string, shape: Shape): Uint8Array {
  const fanIn = elementCount(source === 'keras' ? shape.slice(0, -1) : shape.slice(1));
  const range = shape.length === 1 ? 0.1 : Math.sqrt(6 / fanIn);
  return new Uint8Array(Float32Array.from(uniform(name, elementCount(shape)), (u) => (2 * u - 1) * range).buffer);
}

async function writeForeign(source: string, without: readonly string[] = []): Promise<string> {
  const path = join(await temporaryFolder(), `${source}.safetensors`);
  const tensors = Object.entries(networks[source]!.shapes)
    .filter(([name]) => !without.some((start) => name.startsWith(start)))
    .map(([name, shape]) => ({ name, shape, dtype: 'float32' as const, read: () => formula(source, name, shape) }));
  await safetensors.write!(path, tensors, files, { metadata: new Map([['format', 'pt']]) });
  return path;
}

async function logitsOf(path: string, nameMaps?: readonly NameMap[]): Promise<Float32Array> {
  const graph = backbone.build(options);
  const session = await resolve(container, ENGINE, 'onnx').open(graph);
  const reader = await (path.endsWith('.safetensors') ? safetensors : slimV2).open(path, files);
  try {
    await restoreVariables(session, translateNames(reader, graph, nameMaps).reader, session.variables.keys());
    const [logits] = (await session.predict(pictures(), 2)).values();
    return logits!;
  } finally {
    await reader.close();
    await session.close();
  }
}

describe.each(Object.keys(networks))('a file of %s', (source) => {
  const { logits } = networks[source]!;

  it('is converted, and the network then gives the logits of its source', async () => {
    const from = await writeForeign(source);
    const to = join(await temporaryFolder(), 'vgg_16');
    const done = await graft(['convert', from, to, '--model', 'vgg_16', ...cliOptions]);
    expect(done.stderr).toBe('');
    expect(done.stdout).toContain(`32 variables, which had the names of ${source}.\nMetadata dropped: format.`);
    const first = Object.keys(networks[source]!.shapes)[0]!;
    const permuted = source === 'keras' ? '' : ', permuted';
    expect(done.stdout).toMatch(
      new RegExp(`${first} +vgg_16/conv1/conv1_1/weights +renamed${permuted}, adapted to what the network is fed`),
    );
    // Over the edge of the picture there is the mean. PyTorch's differs from Slim's by half a grey level, Keras's by a thousandth.
    checkClose(await logitsOf(to), logits.flat(), source === 'keras' ? 1e-5 : 5e-4, 'logits');
  });
});

it.each(['torchvision', 'timm'])('where both are fed the same, the logits are the very ones of %s', async (source) => {
  const maps = backbone.nameMaps!.map(
    (map): NameMap => ({ ...map, input: { ...map.input!, mean: [123.68, 116.78, 103.94] } }),
  );
  const expected = networks[source]!.logitsWithSlimMean!;
  checkClose(await logitsOf(await writeForeign(source), maps), expected.flat(), 1e-5, 'logits');
});

describe('what a file lacks', () => {
  it('is listed by both names, and can be left out', async () => {
    const from = await writeForeign('torchvision', ['classifier']);
    const to = join(await temporaryFolder(), 'vgg_16');
    const refused = await graft(['convert', from, to, '--model', 'vgg_16', ...cliOptions]);
    expect(refused.status).toBe(1);
    expect(refused.stderr).toMatch(/vgg_16\/fc6\/weights +missing +7x7x128x1024 +- +classifier\.0\.weight/);
    const done = await graft([
      ...['convert', from, to, '--model', 'vgg_16', ...cliOptions],
      ...['--exclude', 'vgg_16/fc,vgg_16/conv5', '--json'],
    ]);
    expect(done.status).toBe(0);
    const { source, tensors, dropped, changes } = JSON.parse(done.stdout);
    expect([source, tensors.length, changes.length]).toEqual(['torchvision', 20, 20]);
    const lacking = await graft([
      ...['convert', from, to, '--model', 'vgg_16', ...cliOptions],
      ...['--ignore-missing', '--json'],
    ]);
    expect(JSON.parse(lacking.stdout).tensors).toHaveLength(26);
    expect(dropped).toEqual([24, 26, 28].flatMap((layer) => [`features.${layer}.bias`, `features.${layer}.weight`]));
  });

  it('is no matter for a head of its own: fine-tuning starts from the file like from any checkpoint', async () => {
    const [from, data] = [await writeForeign('torchvision'), await writeCifar10(await temporaryFolder())];
    const run = join(await temporaryFolder(), 'run');
    const args = [
      ...[
        'finetune',
        '--model',
        'vgg_16',
        '--head',
        'pooled',
        '--width',
        '0.25',
        '--size',
        '32',
        '--dataset',
        'cifar10',
      ],
      ...['--data', data, '--checkpoint', from, '--exclude', 'vgg_16/logits', '--train', 'head', '--steps', '2'],
      ...['--batch-size', '4', '--out', run],
    ];
    const done = await graft(args, { env: { ...process.env, GRAFT_CACHE: await temporaryFolder() } });
    expect(done.status, done.stderr).toBe(0);
    expect(done.stderr).toMatch(
      /26 of 28 variables come from .*, by the names of torchvision: 13 of them permuted, .*conv1_1\/weights and .*conv1_1\/biases adapted to what the network is fed; not taken: classifier\.0\.bias/,
    );
    // The frozen weights are in the run's checkpoint, by Slim's names and in Slim's arrangement.
    const reader = await slimV2.open(join(run, 'checkpoints/model.ckpt-2'), files);
    const found = new Float32Array((await reader.read('vgg_16/conv1/conv1_2/weights')).buffer);
    await reader.close();
    const foreign = new Float32Array(formula('torchvision', 'features.2.weight', [16, 16, 3, 3]).buffer);
    for (const [o, i, h, w] of [
      [0, 0, 0, 0],
      [3, 15, 2, 1],
      [15, 4, 1, 2],
    ] as const) {
      expect(found[((h * 3 + w) * 16 + i) * 16 + o]).toBe(foreign[((o * 16 + i) * 3 + h) * 3 + w]);
    }
  });
});

it('safetensors keep their metadata, and every byte, on the way there and back', async () => {
  const folder = await temporaryFolder();
  const from = await writeForeign('keras', ['fc1']);
  const [second, back] = [join(folder, 'second.safetensors'), join(folder, 'slim')];
  expect((await graft(['convert', from, second, '--format', 'safetensors'])).stdout).toContain('none of them renamed');
  expect(readFileSync(second).equals(readFileSync(from))).toBe(true);
  expect((await graft(['inspect', second])).stdout).toMatch(/30 variables, safetensors\nformat: "pt"\n$/);
  expect((await graft(['convert', second, back])).status).toBe(0);
  const hashes = async (path: string) => (await graft(['inspect', path, '--json', '--hash'])).stdout;
  expect(await hashes(back)).toBe(await hashes(from));
});

it('options of a model without one are refused', async () => {
  const { status, stderr } = await graft(['convert', 'a', 'b', '--width', '0.25']);
  expect([status, stderr]).toEqual([2, expect.stringMatching(/--width say more of a --model/)]);
});
