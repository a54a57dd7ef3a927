import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ckptSafetensors, { safetensors } from '@graftjs/ckpt-safetensors';
import ckptSlim, { slimV2 } from '@graftjs/ckpt-slim';
import {
  BACKBONE,
  createContainer,
  ENGINE,
  elementCount,
  nodesFor,
  resolve,
  type Shape,
  variablesOf,
  withNormalization,
} from '@graftjs/core';
import { nodeFileSystem as files } from '@graftjs/core/node';
import { checkClose, formulaImage, uniform } from '@graftjs/core/testing';
import engineOnnx from '@graftjs/engine-onnx';
import modelAlexnet from '@graftjs/model-alexnet';
import modelInception from '@graftjs/model-inception';
import modelResnet from '@graftjs/model-resnet';
import modelVgg from '@graftjs/model-vgg';
import { restoreVariables, sourceNormalization, translateNames } from '@graftjs/trainer';
import { describe, expect, it } from 'vitest';
import { graft, temporaryFolder, writeCifar10 } from '../../test/graft.js';

/** A network at a quarter of its width as a framework has it: names, and logits of two images. */
interface Network {
  readonly shapes: Readonly<Record<string, Shape>>;
  readonly logits: readonly (readonly number[])[];
}
const fixtureOf = <T>(model: string): T =>
  JSON.parse(readFileSync(new URL(`../../../${model}/fixtures/foreign_networks.json`, import.meta.url), 'utf8'))
    .networks;
const vggs = fixtureOf<Readonly<Record<string, Network>>>('model-vgg');
type Networks = Readonly<Record<string, Readonly<Record<string, Network>>>>;
const resnets = fixtureOf<Networks>('model-resnet');
const options = { width: 0.25, classes: 20 };
const cliOptions = ['--width', '0.25', '--classes', '20'];

const container = createContainer([
  ckptSafetensors,
  ckptSlim,
  modelVgg,
  modelResnet,
  modelAlexnet,
  modelInception,
  engineOnnx,
]);

/** Who has which network, and the size of the images. */
const cases = [
  ...Object.entries(vggs).map(([source, network]) => ({ model: 'vgg_16', source, network, size: 224 })),
  ...[
    { networks: resnets, size: 64 },
    { networks: fixtureOf<Networks>('model-alexnet'), size: 224 },
    { networks: fixtureOf<Networks>('model-inception'), size: 299 },
  ].flatMap(({ networks, size }) =>
    Object.entries(networks).flatMap(([model, sources]) =>
      Object.entries(sources).map(([source, network]) => ({ model, source, network, size })),
    ),
  ),
];

/** Scopes of the networks' first layers, where they are not `NETWORK/conv1`. */
const firstLayers: Readonly<Record<string, string>> = {
  vgg_16: 'vgg_16/conv1/conv1_1',
  inception_v3: 'InceptionV3/Conv2d_1a_3x3',
  inception_v3b: 'InceptionV3/Conv2d_1a_3x3',
};

/** Which values the tools `write_foreign_networks.py` gave the sources' networks, by the last part of a name. */
function range(name: string, shape: Shape, source: string): [middle: number, reach: number] {
  if (shape.length > 1) {
    const fanIn = elementCount(source === 'keras' ? shape.slice(0, -1) : shape.slice(1));
    return [0, Math.sqrt(6 / fanIn)];
  }
  if (/(running_var|moving_variance)$/.test(name)) return [1.25, 0.25];
  if (/(weight|gamma)$/.test(name)) return [1, 0.2];
  return [0, 0.1];
}

function formula(source: string, name: string, shape: Shape): Uint8Array {
  const [middle, reach] = range(name, shape, source);
  return new Uint8Array(
    Float32Array.from(uniform(name, elementCount(shape)), (u) => middle + (2 * u - 1) * reach).buffer,
  );
}

interface Written {
  readonly shapes: Readonly<Record<string, Shape>>;
  readonly without?: readonly string[];
  readonly dtype?: 'float16' | 'float32';
}

/** The bits of float16 nearest to values of moderate size. */
function float16(bytes: Uint8Array): Uint8Array {
  const bits = Uint16Array.from(new Float32Array(bytes.buffer), (value) => {
    const size = Math.abs(value);
    const exponent = Math.max(-14, Math.floor(Math.log2(size || 1)));
    const steps = Math.round(size * 2 ** (10 - exponent)) - (size < 2 ** -14 ? 0 : 2 ** 10);
    return (value < 0 ? 0x8000 : 0) + (size < 2 ** -14 ? steps : ((exponent + 15) << 10) + steps);
  });
  return new Uint8Array(bits.buffer);
}

async function writeForeign(source: string, { shapes, without = [], dtype = 'float32' }: Written): Promise<string> {
  const path = join(await temporaryFolder(), `${source}.safetensors`);
  const tensors = Object.entries(shapes)
    .filter(([name]) => !without.some((start) => name.startsWith(start)))
    .map(([name, shape]) => {
      // PyTorch counts batches in one of int64.
      if (shape.length === 0) return { name, shape, dtype: 'int64' as const, read: () => new Uint8Array(8) };
      const values = () => formula(source, name, shape);
      return { name, shape, dtype, read: () => (dtype === 'float16' ? float16(values()) : values()) };
    });
  await safetensors.write!(path, tensors, files, { metadata: new Map([['format', 'pt']]) });
  return path;
}

/**
 * Of two images.
 * @param asSource whether these are normalized as the checkpoint's source has it
 */
async function logitsOf(path: string, model: string, size: number, asSource: boolean): Promise<Float32Array> {
  const { build, nameMaps } = resolve(container, BACKBONE, model);
  const reader = await (path.endsWith('.safetensors') ? safetensors : slimV2).open(path, files);
  const own = build({ ...options, size });
  const normalization = asSource ? sourceNormalization(reader, own, nameMaps) : undefined;
  const graph = normalization ? withNormalization(own, normalization) : own;
  const session = await resolve(container, ENGINE, 'onnx').open(graph);
  try {
    const read = new Set(nodesFor(graph, [graph.output]).flatMap(variablesOf));
    await restoreVariables(session, translateNames(reader, graph, nameMaps).reader, read);
    const images = Buffer.concat(['foreign/0', 'foreign/1'].map((name) => formulaImage(name, size, size)));
    const [logits] = (await session.predict(images, 2)).values();
    return logits!;
  } finally {
    await reader.close();
    await session.close();
  }
}

describe.each(cases)('a file of $source of $model', ({ model, source, network, size }) => {
  const { shapes, logits } = network;

  it('gives the very logits of its source, up to the edges of the images', async () => {
    const from = await writeForeign(source, { shapes });
    checkClose(await logitsOf(from, model, size, true), logits.flat(), 1e-5, 'logits');
  });

  it('is converted for images that are normalized as the network here has them', async () => {
    const from = await writeForeign(source, { shapes });
    const to = join(await temporaryFolder(), model);
    const args = ['convert', from, to, '--model', model, ...cliOptions, '--size', `${size}`];
    // Keras has no auxiliary layers.
    const done = await graft([...args, ...(model === 'inception_v3' ? ['--exclude', 'InceptionV3/AuxLogits'] : [])]);
    expect(done.stderr).toBe('');
    expect(done.stdout).toMatch(
      new RegExp(`\\d+ variables, which had the names of ${source}\\.\nMetadata dropped: format\\.`),
    );
    const weights = `${firstLayers[model] ?? `${model}/conv1`}/weights`;
    const adapted = /resnet_v2|inception/.test(model) ? '' : ', adapted to what the network is fed';
    const permuted = source === 'keras' ? '' : ', permuted';
    expect(done.stdout).toMatch(new RegExp(` ${weights} +renamed${permuted}${adapted}\n`));
    // Over the edge of the image there is the mean. PyTorch's differs from Slim's by half a grey level, Keras's by a thousandth.
    checkClose(await logitsOf(to, model, size, false), logits.flat(), source === 'keras' ? 2e-5 : 1e-2, 'logits');
  });
});

it('biases of a convolution that the network here lacks are subtracted from the mean that follows', async () => {
  const { shapes } = resnets.resnet_v1_keras_50!.keras!;
  const from = await writeForeign('keras', { shapes });
  const to = join(await temporaryFolder(), 'resnet');
  const args = ['convert', from, to, '--model', 'resnet_v1_keras_50', ...cliOptions];
  const done = await graft(args);
  expect(done.stdout).toMatch(
    /conv2_block1_1_bn\/moving_mean +\S+\/conv1\/BatchNorm\/moving_mean +renamed, less conv2_block1_1_conv\/bias\n/,
  );
  expect(done.stdout).not.toContain('dropped\n');
  const lacking = await writeForeign('keras', { shapes, without: ['conv2_block1_1_conv/bias'] });
  const refused = await graft(['convert', lacking, ...args.slice(2)]);
  expect(refused.status).toBe(1);
  expect(refused.stderr).toMatch(/conv2_block1_1_conv\/bias, .* is missing; expected: float32 16/);
});

it('float16 is made float32, and said to be', async () => {
  const { shapes, logits } = resnets.resnet_v1b_50!.torchvision!;
  const from = await writeForeign('torchvision', { shapes, dtype: 'float16' });
  checkClose(await logitsOf(from, 'resnet_v1b_50', 64, true), logits.flat(), 2e-2, 'logits');
  const to = join(await temporaryFolder(), 'resnet');
  const { stdout } = await graft(['convert', from, to, '--model', 'resnet_v1b_50', ...cliOptions]);
  expect(stdout).toMatch(/layer1\.0\.conv1\.weight +\S+ +renamed, permuted, float16 made float32\n/);
  const reader = await slimV2.open(to, files);
  const found = new Float32Array((await reader.read('resnet_v1b_50/conv1/BatchNorm/gamma')).buffer);
  await reader.close();
  const exact = new Float32Array(formula('torchvision', 'bn1.weight', [16]).buffer);
  for (const [i, value] of found.entries()) {
    // Ten bits of fraction: half a step is 2^-11 of the value's power of two.
    expect(Math.abs(value - exact[i]!)).toBeLessThanOrEqual(2 ** (Math.floor(Math.log2(exact[i]!)) - 11));
    expect(value * 2 ** 11).toBe(Math.round(value * 2 ** 11));
  }
});

it('--names says whose names a file has', async () => {
  const from = await writeForeign('torchvision', { shapes: resnets.resnet_v1b_50!.torchvision!.shapes });
  const to = join(await temporaryFolder(), 'resnet');
  const args = ['convert', from, to, '--model', 'resnet_v1b_50', ...cliOptions, '--names'];
  expect((await graft([...args, 'timm'])).stdout).toContain('which had the names of timm.');
  const { status, stderr } = await graft([...args, 'keras']);
  expect([status, stderr]).toEqual([2, expect.stringMatching(/'keras'\. Accepted: torchvision, timm\./)]);
});

describe('what a file lacks', () => {
  it('is listed by both names, and can be left out', async () => {
    const from = await writeForeign('torchvision', { shapes: vggs.torchvision!.shapes, without: ['classifier'] });
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
    const [from, data] = [
      await writeForeign('torchvision', { shapes: vggs.torchvision!.shapes }),
      await writeCifar10(await temporaryFolder()),
    ];
    const run = join(await temporaryFolder(), 'run');
    const args = [
      ...'finetune --model vgg_16 --head pooled --width 0.25 --size 32 --dataset cifar10'.split(' '),
      ...['--data', data, '--checkpoint', from, '--exclude', 'vgg_16/logits', '--train', 'head', '--steps', '2'],
      ...['--batch-size', '4', '--out', run],
    ];
    const done = await graft(args, { env: { ...process.env, GRAFT_CACHE: await temporaryFolder() } });
    expect(done.status, done.stderr).toBe(0);
    expect(done.stderr).toMatch(
      /26 of 28 variables come from .*, by the names of torchvision: 13 of them permuted; images are normalized as there: less 123\.675, 116\.28, 103\.53, divided by 58\.395, 57\.12, 57\.375; not taken: classifier\.0\.bias, .* and 1 more/,
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
  const from = await writeForeign('keras', { shapes: vggs.keras!.shapes, without: ['fc1'] });
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
