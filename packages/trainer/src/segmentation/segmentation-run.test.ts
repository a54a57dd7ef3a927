import { readFile } from 'node:fs/promises';
import { type Container, GraftError, type MaskedImage, type MaskSplit, voidLabel } from '@graftjs/core';
import { nodeFileSystem as files } from '@graftjs/core/node';
import { onnxEngine } from '@graftjs/engine-onnx';
import { describe, expect, it } from 'vitest';
import { readCheckpoint } from '../../test/checkpoints.js';
import { remainsOf } from '../../test/remains.js';
import { temporaryFolder } from '../../test/tiny.js';
import { maskSet, rectanglesImage, rectanglesSplit, tinyMaskConfig, tinyMaskContainer } from '../../test/tiny-masks.js';
import type { RunEvent } from '../events.js';
import { finetune, resume } from '../finetune.js';
import type { RunConfigInput } from '../run-config.js';
import { buildGraph } from '../run-model.js';
import type { RunOptions } from '../run-options.js';
import type { MaskScores } from '../segmentation-metrics.js';
import { openMaskRun } from './open-mask-run.js';

async function run(config: RunConfigInput, container = tinyMaskContainer(), options: Partial<RunOptions> = {}) {
  const folder = `${await temporaryFolder()}/run`;
  const events: RunEvent[] = [];
  const onEvent = (event: RunEvent) => events.push(event);
  const result = await finetune<MaskScores>(config, container, { files, folder, onEvent, ...options });
  const of = <T extends RunEvent['type']>(type: T) =>
    events.filter((event): event is Extract<RunEvent, { type: T }> => event.type === type);
  return { folder, container, result, of };
}

describe('a run with masks', () => {
  it('learns what can be learned, and is used in the images’ own sizes', async () => {
    const { folder, container, result, of } = await run({ ...tinyMaskConfig, epochs: 16 });
    expect(result.metrics.meanIou).toBeGreaterThan(0.8);
    expect(of('stalled')).toEqual([]);
    const opened = await openMaskRun(folder, container, { files });
    const { splits } = await opened.openDataset();
    const found = await opened.evaluate(splits.test);
    expect(found).toMatchObject(result.metrics);
    const image = rectanglesImage(1003);
    const prediction = await opened.segment(image);
    let [right, labelled] = [0, 0];
    for (const [i, label] of image.mask.entries()) {
      if (label === voidLabel) continue;
      labelled++;
      if (prediction[i] === label) right++;
    }
    expect(right / labelled).toBeGreaterThan(0.85);
    await opened.close();
  });

  it.each<[string, Partial<RunConfigInput>]>([
    ['all layers, crops and the best kept', { earlyStop: 5, classWeights: 'median', accumulate: 2 }],
    ['a frozen part that is cached', { train: 'head', augment: ['none'], movingAverageDecay: 0.9 }],
  ])('goes on bit for bit after a stop: %s', async (_, change) => {
    const config = { ...tinyMaskConfig, ...change, saveEvery: 2 };
    const features = () => temporaryFolder().then((folder) => ({ folder }));
    const whole = await run(config, undefined, { features: await features() });
    const stop = new AbortController();
    const folder = `${await temporaryFolder()}/run`;
    const options = { files, features: await features(), signal: stop.signal };
    const onEvent = (event: RunEvent) => {
      if (event.type === 'step' && event.step === 4) stop.abort();
    };
    const begun = finetune(config, tinyMaskContainer(), { ...options, folder, onEvent });
    await expect(begun).rejects.toMatchObject({ code: 'run/aborted' });
    const { signal: ____, ...rest } = options;
    const { run: __, ...result } = await resume<MaskScores>(folder, tinyMaskContainer(), rest);
    const { run: ___, ...expected } = whole.result;
    expect(result).toEqual(expected);
    const opened = await openMaskRun(folder, tinyMaskContainer(), { files });
    expect(await opened.evaluate((await opened.openDataset()).splits.test)).toMatchObject(expected.metrics);
    await opened.close();
    const last = whole.result.steps;
    expect(await remainsOf(folder, last)).toEqual(await remainsOf(whole.folder, last));
  });

  it('keeps frozen layers as they were, and gets the same from what is cached as from images', async () => {
    const source = await run(tinyMaskConfig);
    const path = `${source.folder}/checkpoints/model.ckpt-15`;
    const config = {
      ...tinyMaskConfig,
      train: 'head',
      augment: ['none'],
      checkpoint: { path },
    } satisfies RunConfigInput;
    const plain = await run(config);
    const cached = await run(config, undefined, { features: { folder: await temporaryFolder() } });
    expect(cached.of('features')).toMatchObject([{ split: 'train', done: 20, count: 20 }]);
    expect(plain.of('features')).toEqual([]);
    const losses = (of: typeof plain.of) => of('step').map(({ loss }) => loss);
    for (const [at, loss] of losses(cached.of).entries()) expect(loss).toBeCloseTo(losses(plain.of)[at]!, 5);
    const before = await readCheckpoint(path);
    const after = await readCheckpoint(`${cached.folder}/checkpoints/model.ckpt-15`);
    for (const name of ['conv1/weights', 'conv2/biases']) {
      expect(after.get(`tiny_net/${name}`)).toEqual(before.get(`tiny_net/${name}`));
    }
    expect(after.get('tiny_fine/score/weights')).not.toEqual(before.get('tiny_fine/score/weights'));
  });

  it('is evaluated on each image once, and on those of a size one after the other', async () => {
    const dataset = { ...tinyMaskConfig.dataset, name: 'many' };
    const many = maskSet('many', () => ({ train: rectanglesSplit(8, 0), test: rectanglesSplit(60, 1000) }));
    const config = { ...tinyMaskConfig, dataset: { ...dataset, limitTest: 40 }, epochs: 1 };
    const { folder, container } = await run(config, tinyMaskContainer(many));
    const opened = await openMaskRun(folder, container, { files });
    const { test } = (await opened.openDataset()).splits;
    const reads: number[] = [];
    const counted = {
      ...test,
      read(index: number) {
        reads.push(index);
        return test.read(index);
      },
    };
    const sizes: string[] = [];
    await opened.evaluate(counted, {
      onImage({ index, image: { height, width } }) {
        expect(test.size(index)).toMatchObject({ height, width });
        sizes.push(`${height}x${width}`);
      },
    });
    await opened.close();
    expect(reads.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, index) => index));
    const changes = sizes.filter((size, place) => size !== sizes[place - 1]).length;
    expect(changes).toBe(new Set(sizes).size);
    expect(changes).toBeLessThan(40);
  });

  it('is not harmed by images that are all void', async () => {
    const blank = (image: MaskedImage) => ({ ...image, mask: image.mask.map(() => voidLabel) });
    const split = rectanglesSplit(8, 0);
    const blanks = maskSet('blanks', () => ({
      train: { ...split, read: async (index) => blank(await split.read(index)) },
      test: rectanglesSplit(2, 1000),
    }));
    const config = { ...tinyMaskConfig, dataset: { name: 'blanks', folder: '/' }, epochs: 2 };
    const { folder, of } = await run({ ...config, optimizer: 'sgd' }, tinyMaskContainer(blanks));
    expect(of('step').map(({ loss }) => loss)).toEqual([0, 0, 0, 0]);
    const [first, last] = await Promise.all(
      [2, 4].map((step) => readCheckpoint(`${folder}/checkpoints/model.ckpt-${step}`)),
    );
    first!.delete('global_step');
    for (const [name, values] of first!) expect(last!.get(name)).toEqual(values);
  });

  it('steps over accumulated batches as over one of all their images', async () => {
    const config = {
      ...tinyMaskConfig,
      model: { ...tinyMaskConfig.model, dropout: 0 },
      epochs: 1,
      classWeights: { red: 3 },
    };
    const whole = await run({ ...config, batchSize: 10 });
    const parts = await run({ ...config, batchSize: 5, accumulate: 2 });
    const [expected, received] = [whole, parts].map(({ of }) => of('step').map(({ loss }) => loss));
    expect(expected).toHaveLength(2);
    for (const [at, loss] of received!.entries()) expect(loss).toBeCloseTo(expected![at]!, 5);
  });

  it('says when all has fallen to one class, and writes it down', async () => {
    const darkAlone = { red: 1e-6, green: 1e-6 };
    const { folder, of } = await run({ ...tinyMaskConfig, classWeights: darkAlone, epochs: 11, evalEvery: 55 });
    expect(of('stalled')).toEqual([{ type: 'stalled', step: 50, epoch: 10, class: 'dark' }]);
    expect(await readFile(`${folder}/metrics.jsonl`, 'utf8')).toMatch(
      /"type":"stalled","step":50,"epoch":10,"class":"dark"/,
    );
  });
});

describe('where memory is short', () => {
  /** A data set whose largest test image is so large. */
  function withImage(height: number, width: number) {
    const pixels = height * width;
    const image = { data: new Uint8Array(3 * pixels).fill(50), mask: new Uint8Array(pixels), height, width };
    const small = rectanglesSplit(2, 1000);
    const test: MaskSplit = {
      ...small,
      size: (index) => (index === 1 ? image : small.size(index)),
      read: async (index) => (index === 1 ? image : small.read(index)),
    };
    return maskSet('sized', () => ({ train: rectanglesSplit(8, 0), test }));
  }
  const sized = { ...tinyMaskConfig, dataset: { name: 'sized', folder: '/' }, epochs: 1 };

  async function refused(height: number, width: number, availableMemory: number, augment = ['crop', 'flip']) {
    const folder = `${await temporaryFolder()}/run`;
    const options = { files, folder, availableMemory };
    const error: unknown = await finetune(
      { ...sized, augment },
      tinyMaskContainer(withImage(height, width)),
      options,
    ).catch((error: unknown) => error);
    if (!GraftError.isInstance(error)) throw error;
    expect(error.code).toBe('run/memory');
    expect(await files.stat(folder)).toBeUndefined();
    return error;
  }
  const needed = async (...args: Parameters<typeof refused>) => (await refused(...args)).details.needed as number;

  /** What an evaluation takes of an image of that size, by the engine and for its arrays. */
  async function evaluating(container: Container, height: number, width: number): Promise<number> {
    const model = { ...sized.model, backbone: 'tiny_net', classes: 3 };
    const use = await onnxEngine.predictionMemory!(buildGraph({ model }, container, [height, width]));
    return use(1) + height * width * (9 + 4 * 3 + 15);
  }

  it('a run that could train, but not evaluate on the largest of the images, is refused', async () => {
    const container = tinyMaskContainer();
    const [large, small] = [await needed(300, 400, 1), await needed(40, 30, 1)];
    expect(large - small).toBe((await evaluating(container, 300, 400)) - (await evaluating(container, 40, 30)));
    expect((await refused(300, 400, large - 1)).message).toMatch(/The largest batch that fits is 3/);
    expect((await refused(300, 400, small)).message).toMatch(
      /Not even one image .*of it to evaluate on whole images, of which the largest is 300 x 400 pixels: test on smaller/,
    );
    await run(sized, tinyMaskContainer(withImage(300, 400)), { availableMemory: large });
  });

  it('without crops, it is images fitted into the network’s square that are reckoned with', async () => {
    const [large, small] = [await needed(300, 400, 1, ['none']), await needed(75, 100, 1, ['none'])];
    expect(large - small).toBe((300 * 400 - 75 * 100) * (9 + 4 * 3));
  });
});

describe('what does not fit is told before anything is written', () => {
  it.each<[string, RegExp, Partial<RunConfigInput>]>([
    ['usage/target', /rectangles tells the class of every pixel/, { model: { name: 'tiny_net' } }],
    ['usage/model', /tiny_fine .* has no head/, { model: { name: 'tiny_fine', head: 'dense' } }],
    ['usage/unknown-name', /no class 'pink'.*dark, red, green/, { classWeights: { pink: 2 } }],
    ['usage/unknown-name', /augmentation of images with masks/, { augment: ['vgg'] }],
    ['plugin/missing', /no backbone 'vgg_99'/, { model: { name: 'tiny_fine', backbone: 'vgg_99' } }],
  ])('%s: %s', async (code, message, change) => {
    const folder = `${await temporaryFolder()}/run`;
    const begun = finetune({ ...tinyMaskConfig, ...change }, tinyMaskContainer(), { files, folder });
    const error: unknown = await begun.catch((error: unknown) => error);
    if (!GraftError.isInstance(error)) throw error;
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    expect(await files.stat(folder)).toBeUndefined();
  });
});
