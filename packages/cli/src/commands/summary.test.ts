import { type GraphSummary, summarize } from '@graftjs/core';
import { vggBackbones } from '@graftjs/model-vgg';
import { expect, it } from 'vitest';
import { graft } from '../../test/graft.js';

// Multiply-adds in thousands of millions, as torchvision states them for its weights (`_ops` in their metadata).
it.each([
  ['vgg_a', 7.609],
  ['vgg_b', 11.308],
  ['vgg_16', 15.47],
  ['vgg_19', 19.632],
])('%s takes %d G multiply-adds', (model, expected) => {
  const { layers } = summarize(vggBackbones.find(({ name }) => name === model)!.build());
  // Biases and rectifiers count one for each output; the last layer has no rectifier.
  const convolutions = layers.filter(({ parameters }) => parameters > 0);
  const multiplyAdds = convolutions.reduce((sum, { shape, flops }, index) => {
    const outputs = shape.reduce((product, size) => product * size, 1);
    return sum + (flops - (index === convolutions.length - 1 ? 1 : 2) * outputs) / 2;
  }, 0);
  expect(multiplyAdds / 1e9).toBeCloseTo(expected, 3);
});

it('prints a row for each layer, totals, and with --train the memory', async () => {
  const { status, stdout } = await graft([
    'summary',
    'vgg_16',
    '--train',
    '--batch-size',
    '8',
    '--optimizer',
    'momentum',
  ]);
  expect(status).toBe(0);
  expect(stdout).toMatch(/^vgg_16\/conv1\/conv1_1 +224x224x64 +1,792 /m);
  expect(stdout).toMatch(/^Parameters: 138,357,544/m);
  expect(stdout).toMatch(/momentum, batches of 8, .* takes \d\.\d+ GB at most, .* 553 MB of optimizer slots/);
});

it('takes the options of the network, and of the batch', async () => {
  const options = ['--head', 'pooled', '--classes', '10', '--size', '64', '--width', '0.25'];
  const args = ['summary', 'vgg_16', '--json', '--train', '--optimizer', 'adam', ...options];
  const of = async (batch: string) =>
    JSON.parse((await graft([...args, '--batch-size', batch])).stdout) as GraphSummary & {
      training: { slots: number; peak: number };
    };
  const [few, many] = [await of('16'), await of('64')];
  expect(few.layers.at(-1)).toMatchObject({ name: 'vgg_16/logits', shape: [10], parameters: 128 * 10 + 10 });
  expect(few.training.slots).toBe(2 * 4 * few.parameters);
  expect(many.training.peak).toBeGreaterThan(few.training.peak + 30e6);
});

it('a network for segmentation, on the backbone and for the images that are asked for', async () => {
  const of = async (...options: string[]) => {
    const { stdout } = await graft(['summary', 'fcn_8s', '--json', '--classes', '11', ...options]);
    return (JSON.parse(stdout) as GraphSummary).layers;
  };
  const narrow = await of('--size', '97x131', '--dense-channels', '100');
  expect(narrow.find(({ name }) => name === 'vgg_16/fc6')).toMatchObject({
    shape: [4, 5, 100],
    parameters: 7 * 7 * 512 * 100 + 100,
  });
  expect(narrow.at(-1)).toMatchObject({ name: 'fcn_8s/upscore8', shape: [97, 131, 11] });
  const [first, ...others] = await of('--size', '64', '--backbone', 'resnet_v1_50');
  expect(first!.name).toBe('resnet_v1_50/normalize');
  expect(others.find(({ name }) => name === 'fcn_8s/score_fr')).toMatchObject({ parameters: 2048 * 11 + 11 });
});

it('refuses what its kind of network does not have', async () => {
  for (const args of [
    ['fcn_8s', '--head', 'slim'],
    ['vgg_16', '--backbone', 'vgg_16'],
    ['fcn_8s', '--backbone', 'alexnet_v2'],
    ['fcn_8s', '--size', '97x'],
  ])
    expect((await graft(['summary', ...args])).status, args.join(' ')).toBe(2);
});

it('refuses an optimizer that there is not', async () => {
  const { status, stderr } = await graft(['summary', 'vgg_16', '--train', '--optimizer', 'lion']);
  expect(status).toBe(2);
  expect(stderr).toMatch(/no optimizer 'lion'.*sgd, momentum, .*adam, adamw, rmsprop/);
});
