import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { graft, oracles, ownOracles, packageFolder, temporaryFolder } from '../../test/graft.js';
import { passes, type Verification } from '../verify/verification.js';

type Result = Verification & { readonly file: string };

async function verify(...files: string[]): Promise<{ status: number | null; results: Result[]; stderr: string }> {
  const { status, stdout, stderr } = await graft(['verify', '--json', ...files]);
  return { status, results: JSON.parse(stdout) as Result[], stderr };
}

/** A copy of an oracle file with something changed. */
async function tampered(path: string, change: (content: ReturnType<typeof JSON.parse>) => void): Promise<string> {
  const content = JSON.parse(await readFile(path, 'utf8')) as unknown;
  change(content);
  const copy = join(await temporaryFolder(), 'tampered.json');
  await writeFile(copy, JSON.stringify(content));
  return copy;
}

const own = (name: string) => join(ownOracles, `${name}.json`);
const sgd = own('vgg_a_64_4_10_sgd_3e-8_0.0005_3');
const forward = join(oracles, 'forward/vgg_a.json');

describe('TensorFlow’s numbers are met', () => {
  const networks = [
    ...['alexnet_v2', 'alexnet_original', 'inception_v1', 'inception_v2', 'inception_v3'],
    ...['resnet_v1_50', 'resnet_v2_50_65', 'vgg_a', 'vgg_16'],
  ];
  const files = [...networks.map((name) => `forward/${name}`), 'preprocessing'];
  it.each(files)('%s', async (name) => {
    const { status, results } = await verify(join(oracles, `${name}.json`));
    expect(results[0]).toMatchObject({ ok: true, problems: [] });
    expect(results[0]!.worst!.error).toBeLessThan(2e-5);
    expect(status).toBe(0);
  });
  it.each([
    ['vgg_a_64_4_10_sgd_3e-8_0.0005_3', 52],
    ['vgg_a_64_4_10_rmsprop_1e-6_0.0005_3', 52],
    ['vgg_19_64_4_10_adam_1e-6_0_3', 84],
    ['vgg_16_64_4_10_momentum_5e-8_0.0005_3_vgg_16-fc8_vgg_16-fc7_vgg_16-conv5', 50],
  ])('training as %s, without a look at rounding', async (name, tensors) => {
    const { status, results } = await verify(own(name));
    expect(results[0]!.tensors).toHaveLength(tensors);
    expect(results[0]!.tensors.filter((check) => check.error > 2e-5)).toEqual([]);
    expect(status).toBe(0);
  });
  it('training of the head of vgg_16 with Adam', async () => {
    const { status, results } = await verify(join(oracles, 'train/vgg_16_224_2_10_adam_0.0001_0_2_vgg_16-fc8.json'));
    expect(results[0]!.tensors.filter((check) => !passes(check))).toEqual([]);
    expect(status).toBe(0);
  });
  it.each([
    ['alexnet_v2_224_4_10_momentum_1e-7_0.0005_3', 40],
    // The loss of its auxiliary layers takes no part, so that their biases and betas have no gradient, or does by its weight.
    ['inception_v3_139_4_10_momentum_0.01_0.00004_2_heads', 31],
    ['inception_v3_139_4_10_momentum_0.01_0.00004_2_heads_auxiliary', 34],
  ])('training as %s', async (name, tensors) => {
    const { status, results } = await verify(join(oracles, `train/${name}.json`));
    expect(results[0]!.problems).toEqual([]);
    expect(results[0]!.tensors).toHaveLength(tensors);
    expect(results[0]!.tensors.filter((check) => check.error > 1e-3)).toEqual([]);
    expect(status).toBe(0);
  });
  it.each([
    ['fcn_32s_96x128', 35],
    ['fcn_16s_64x32_21_3', 38],
    ['fcn_8s_97x131_5_2', 41],
  ])('segmentation by %s', async (name, tensors) => {
    const { status, results } = await verify(join(oracles, `fcn/${name}.json`));
    expect(results[0]!.problems).toEqual([]);
    expect(results[0]!.tensors).toHaveLength(tensors);
    expect(results[0]!.tensors.filter((check) => check.error > 1e-3)).toEqual([]);
    expect(status).toBe(0);
  });
  it('training of biases that a normalization takes away, whose gradient is 0 but for rounding', async () => {
    const { status, results } = await verify(own('resnet_v2_50_64_4_10_adam_0.001_0.0001_2_block4'));
    expect(results[0]!.problems).toEqual([]);
    const biases = results[0]!.tensors.filter(({ tensor }) => tensor.endsWith('unit_3/bottleneck_v2/conv3/biases'));
    // By 1e-12 of the loss, of which not a digit is TensorFlow's; what Adam makes of that is not compared.
    expect(biases.map(({ tensor }) => tensor)).toEqual([
      'gradient of resnet_v2_50/block4/unit_3/bottleneck_v2/conv3/biases',
    ]);
    expect(biases[0]!.error).toBeLessThan(1e-5);
    expect(status).toBe(0);
  });
  it('training of all of vgg_16, within what rounding does to its gradients', async () => {
    const { status, results } = await verify(join(oracles, 'train/vgg_16_224_2_10_momentum_1e-7_0.0005_2.json'));
    const { tensors } = results[0]!;
    expect(tensors.filter((check) => !passes(check))).toEqual([]);
    const beyond = tensors.filter(({ error, tolerance }) => error > tolerance);
    expect(beyond.length).toBeGreaterThan(0);
    for (const { tensor, rounding } of beyond) {
      expect(tensor).toMatch(/^gradient of vgg_16\/conv[1-5]/);
      expect(rounding).toBeGreaterThan(0);
      expect(rounding).toBeLessThan(0.05);
    }
    expect(tensors.filter(({ rounding }) => rounding !== undefined)).toEqual(beyond);
    expect(status).toBe(0);
  }, 300_000);
});

describe('what differs is found', () => {
  it('images that are normalized in another way than the file says', async () => {
    const file = await tampered(join(oracles, 'forward/resnet_v2_50_65.json'), (content) => {
      content.preprocessing = 'vgg';
    });
    const { status, results } = await verify(file);
    expect(status).toBe(1);
    expect(results[0]!.tensors.filter((check) => passes(check))).toEqual([]);
  });
  it('a value of an end point, a norm, a mean', async () => {
    const file = await tampered(forward, ({ end_points: points }) => {
      points['vgg_a/pool3'].values[3] += (4e-4 * points['vgg_a/pool3'].norm) / Math.sqrt(2 * 28 * 28 * 256);
      points['vgg_a/pool4'].norm *= 1 + 5e-4;
      points['vgg_a/pool5'].mean += (3e-4 * points['vgg_a/pool5'].norm) / Math.sqrt(2 * 7 * 7 * 512);
    });
    const { status, results } = await verify(file);
    expect(status).toBe(1);
    const failed = results[0]!.tensors.filter((check) => !passes(check));
    expect(failed.map(({ tensor, error }) => [tensor, error.toFixed(5)])).toEqual([
      ['vgg_a/pool3', '0.00040'],
      ['vgg_a/pool4', '0.00050'],
      ['vgg_a/pool5', '0.00030'],
    ]);
    expect(results[0]!.worst!.tensor).toBe('vgg_a/pool4');
  });
  it('variables, parameters, classes, shapes and end points', async () => {
    const file = await tampered(forward, (content) => {
      content.variables[3][0] = 'vgg_a/conv2/conv2_1/bias';
      content.parameters += 1;
      content.argmax[1] = 7;
      content.logits.shape = [1, 2000];
      content.end_points['vgg_a/pool6'] = content.end_points['vgg_a/pool5'];
    });
    const { status, results } = await verify(file);
    expect(status).toBe(1);
    expect(results[0]!.problems).toEqual([
      expect.stringMatching(/Variable 3 is .*conv2_1\/biases.*TensorFlow's is .*conv2_1\/bias"/),
      expect.stringMatching(/132863336 trainable parameters.*132863337/),
      expect.stringMatching(/vgg_a\/pool6 is missing/),
      expect.stringMatching(/logits is 2x1000.*1x2000/),
      expect.stringMatching(/classes 318, 318.*318, 7/),
    ]);
  });
  it('a gradient that rounding does not explain, with the rounding that was measured', async () => {
    const name = 'vgg_a/conv2/conv2_1/weights';
    const file = await tampered(sgd, ({ gradients_of_total_loss: gradients }) => {
      gradients[name].norm *= 1.01;
    });
    const { status, results } = await verify(file);
    expect(status).toBe(1);
    expect(results[0]!.tensors.filter((check) => !passes(check))).toEqual([results[0]!.worst]);
    expect(results[0]!.worst).toMatchObject({ tensor: `gradient of ${name}`, tolerance: 2e-3 });
    expect(results[0]!.worst!.error).toBeCloseTo(0.01, 3);
    expect(results[0]!.worst!.rounding).toBeGreaterThan(0);
    expect(results[0]!.worst!.rounding).toBeLessThan(1e-3);
  });
  it('another learning rate', async () => {
    const file = await tampered(sgd, (content) => {
      Object.assign(content, { learning_rate: 3.3e-8, steps: 1 });
      content.losses.values.length = 2;
      content.variables_after = {};
    });
    const { status, results } = await verify(file);
    expect(status).toBe(1);
    expect(results[0]!.tensors.filter((check) => !passes(check)).map(({ tensor }) => tensor)).toEqual([
      'loss after 1 steps',
      'loss with weight decay after 1 steps',
    ]);
  });
  it('of a network for segmentation: variables, shapes and the classes of pixels', async () => {
    const file = await tampered(join(oracles, 'fcn/fcn_16s_64x32_21_3.json'), (content) => {
      const { gradients, predicted_histogram: histogram } = content;
      gradients['vgg_16/fc6/weights'].shape = [7, 7, 512, 4095];
      gradients['fcn_16s/score_pool3/weights'] = gradients['fcn_16s/score_pool4/weights'];
      delete gradients['fcn_16s/score_pool4/weights'];
      histogram[histogram.indexOf(Math.max(...histogram))] -= 8;
      histogram[0] += 8;
    });
    const { status, results } = await verify(file);
    expect(status).toBe(1);
    expect(results[0]!.tensors.filter((check) => !passes(check))).toEqual([]);
    expect(results[0]!.problems).toEqual([
      expect.stringMatching(/fcn_16s\/score_pool4\/weights is trained; TensorFlow's is not/),
      expect.stringMatching(/fc6\/weights is 7x7x512x4096; TensorFlow's is 7x7x512x4095/),
      expect.stringMatching(/score_pool3\/weights is missing/),
      expect.stringMatching(/classes have .* pixels; TensorFlow's have 8, /),
    ]);
  });
  it('preprocessing', async () => {
    const file = await tampered(join(oracles, 'preprocessing.json'), ({ cases }) => {
      cases[1].inception_eval.values[5] += 0.001;
    });
    const { status, results } = await verify(file);
    expect(status).toBe(1);
    expect(results[0]!.worst!.tensor).toBe('inception of preprocess-b');
  });
});

it('a file that cannot be verified is told, and the others go on', async () => {
  const network = await tampered(forward, (content) => {
    content.network = 'mobilenet_v1';
  });
  const segmenter = await tampered(join(oracles, 'fcn/fcn_16s_64x32_21_3.json'), (content) => {
    content.network = 'unet';
  });
  const damaged = await tampered(forward, (content) => {
    content.logits.at[0] = 5000;
    content.size = -1;
  });
  const files = [network, segmenter, damaged, join(packageFolder, 'package.json'), join(oracles, 'preprocessing.json')];
  const { status, stdout, stderr } = await graft(['verify', ...files]);
  expect(status).toBe(1);
  expect(stdout).toMatch(/^ok +.*preprocessing\.json: 4 tensors, largest error /);
  expect(stderr).toMatch(/no backbone 'mobilenet_v1'/);
  expect(stderr).toMatch(/no segmenter 'unet'/);
  expect(stderr).toMatch(/is damaged:[\s\S]*size[\s\S]*logits/);
  expect(stderr).toMatch(/package\.json is no oracle file/);
  const { results } = await verify(network, join(oracles, 'preprocessing.json'));
  expect(results.map(({ ok }) => ok)).toEqual([false, true]);
});
