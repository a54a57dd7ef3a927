import { join } from 'node:path';
import ckptSlim, { slimV2 } from '@graftjs/ckpt-slim';
import {
  BACKBONE,
  type Backbone,
  type BackboneOptions,
  type Container,
  createContainer,
  DATASET,
  type Dataset,
  DOWNLOAD,
  type Download,
  definePlugin,
  GraphBuilder,
  type Pretrained,
  type Split,
} from '@graftjs/core';
import { nodeFileSystem } from '@graftjs/core/node';
import engineOnnx from '@graftjs/engine-onnx';
import { describe, expect, it } from 'vitest';
import { temporaryFolder, tinyConfig, tinyContainer } from '../test/tiny.js';
import { evaluate } from './evaluate.js';
import { type CheckpointEvaluation, evaluateCheckpoint } from './evaluate-checkpoint.js';
import { finetune } from './finetune.js';
import { openRun } from './open-run.js';
import type { CheckpointConfigInput } from './run-config.js';

/** Colours that are as far from each other as they can be, one for each class. */
const colours = [
  [255, 0, 0],
  [0, 255, 0],
  [0, 0, 255],
  [255, 255, 0],
  [0, 255, 255],
] as const;
const classNames = ['n01', 'n02', 'n03', 'n04', 'n05'];

/** Of the networks that were built, in their order. */
const sizes: number[] = [];

/** Gives the mean of an image's colours one weight for each channel and output. */
const eye: Backbone = {
  name: 'eye',
  description: 'for tests',
  defaults: { classes: 5, size: 4 },
  heads: ['slim', 'other'],
  preprocessing: 'none',
  build({ classes = 5, size = 4, width = 1, head = 'slim' }: BackboneOptions = {}) {
    sizes.push(size);
    const graph = new GraphBuilder('eye', { name: 'images', shape: [size, size, 3], dtype: 'uint8' });
    let net = graph.normalize(graph.input, { mean: [0, 0, 0], scale: 1 / 255 });
    net = graph.mean(net, { name: 'pool' });
    if (head === 'other') net = graph.relu(net, { name: 'relu' });
    if (width !== 1) net = graph.softmax(net, { name: 'softmax' });
    net = graph.conv2d(net, { name: 'logits', channels: classes, kernel: 1, activation: 'none' });
    return graph.build(graph.reshape(net, { name: 'squeezed', shape: [classes] }), ['logits']);
  },
};

const accuracy = { top1: 0.7, top5: 0.9, source: 'nobody' };

const record = (labelOffset: 0 | 1, more: Partial<Pretrained> = {}): Download => ({
  name: 'eye',
  description: 'for tests',
  licence: 'none',
  address: 'https://nowhere.invalid/eye.ckpt',
  pretrained: {
    model: 'eye',
    dataset: 'five colours',
    classNames,
    classes: classNames.length + 1 - labelOffset,
    labelOffset,
    size: 4,
    preprocessing: 'none',
    accuracy,
    ...more,
  },
});

/**
 * A checkpoint in which output `first + k` is the largest for colour k, and those before are never: it knows a colour by its
 * distance, `-|x - colour|^2` but for what all outputs share.
 */
async function plant(first: number, count: number = colours.length): Promise<string> {
  const outputs = first + count;
  const weights = new Float32Array(3 * outputs);
  const biases = new Float32Array(outputs).fill(-1000);
  for (let k = 0; k < count; k++) {
    const colour = colours[k]!.map((value) => value / 255);
    for (const [channel, value] of colour.entries()) weights[channel * outputs + first + k] = 2 * value;
    biases[first + k] = -colour.reduce((sum, value) => sum + value * value, 0);
  }
  const path = join(await temporaryFolder(), 'eye.ckpt');
  const tensor = (name: string, shape: number[], values: Float32Array) => ({
    name: `eye/logits/${name}`,
    dtype: 'float32' as const,
    shape,
    read: () => new Uint8Array(values.buffer),
  });
  const tensors = [tensor('biases', [outputs], biases), tensor('weights', [1, 1, 3, outputs], weights)];
  await slimV2.write!(path, tensors, nodeFileSystem);
  return path;
}

/** Images of the colours: `shown[i]` of class `labels[i]`. */
function split(shown: readonly number[], labels: readonly number[]): Split {
  return {
    labels: Int32Array.from(labels),
    id: (index) => `image ${index}`,
    read: async (index) => {
      const data = Uint8Array.from({ length: 4 * 4 * 3 }, (_, at) => colours[shown[index]!]![at % 3]!);
      return { data, height: 4, width: 4 };
    },
  };
}

/** A data set that comes unsplit: its first image is for testing, where it is asked to split itself. */
const dataset = (classes: readonly string[], shown: readonly number[], labels: readonly number[]): Dataset => ({
  name: 'images',
  description: 'for tests',
  open: async ({ whole }) => ({
    classes,
    splits: whole
      ? { all: split(shown, labels) }
      : { train: split(shown.slice(1), labels.slice(1)), test: split(shown.slice(0, 1), labels.slice(0, 1)) },
    skipped: [],
    close: async () => {},
  }),
});

function containerOf(data: Dataset, ...records: readonly Download[]): Container {
  const plugin = definePlugin({
    name: 'eyes',
    register(container) {
      container.register(BACKBONE, { useValue: eye });
      container.register(DATASET, { useValue: data });
      for (const useValue of records) container.register(DOWNLOAD, { useValue });
    },
  });
  return createContainer([plugin, ckptSlim, engineOnnx]);
}

function run(
  container: Container,
  path: string,
  {
    model = {},
    ...more
  }: Partial<Omit<CheckpointConfigInput, 'model'>> & { model?: Omit<CheckpointConfigInput['model'], 'name'> } = {},
): Promise<CheckpointEvaluation> {
  const config = {
    model: { name: 'eye', ...model },
    checkpoint: { path },
    dataset: { name: 'images', folder: '/x' },
  };
  return evaluateCheckpoint({ ...config, ...more } as CheckpointConfigInput, container, { files: nodeFileSystem });
}

const counted = ({ perClass }: CheckpointEvaluation) =>
  Object.fromEntries(perClass.filter(({ count }) => count > 0).map(({ name, count }) => [name, count]));

describe.each([
  ['a background', 0, 1],
  ['no background', 1, 0],
] as const)('a network with an output for %s', (_, labelOffset, first) => {
  it('is evaluated on some of its classes, known by their names', async () => {
    const container = containerOf(dataset(['n02', 'n05'], [1, 4, 4], [0, 1, 1]), record(labelOffset));
    const result = await run(container, await plant(first));
    expect(result).toMatchObject({ split: 'all', count: 3, top1: 1, top5: 1, published: accuracy });
    expect(counted(result)).toEqual({ n02: 1, n05: 2 });
    expect(result.confusion[first + 4]![first + 4]).toBe(2);
    expect(result.confusion.length).toBe(first + 5);
  });

  it('counts what it takes for a class that the data set lacks as wrong', async () => {
    const container = containerOf(dataset(['n02', 'n05'], [1, 2], [0, 1]), record(labelOffset));
    const result = await run(container, await plant(first));
    expect(result.top1).toBe(0.5);
    expect(result.confusion[first + 4]![first + 2]).toBe(1);
  });

  it('is evaluated on as many classes of other names, by their order', async () => {
    const names = ['aa', 'bb', 'cc', 'dd', 'ee'];
    const container = containerOf(dataset(names, [0, 1, 2, 3, 4], [0, 1, 2, 3, 4]), record(labelOffset));
    const result = await run(container, await plant(first));
    expect(result).toMatchObject({ top1: 1, published: accuracy });
    expect(counted(result)).toEqual({ aa: 1, bb: 1, cc: 1, dd: 1, ee: 1 });
  });

  it.each([
    [
      'others',
      ['cat', 'dog'],
      /5 classes of five colours.*2 classes, 2 of them others: cat, dog\. Accepted: .*n01, n02/,
    ],
    ['one that it does not know', ['n01', 'n02', 'n03', 'n04', 'x'], /5 classes, 1 of them others: x\./],
  ])('refuses %s, and says what would do', async (_, classes, message) => {
    const container = containerOf(dataset(classes, [0, 1], [0, 1]), record(labelOffset));
    const failure = run(container, await plant(first));
    await expect(failure).rejects.toMatchObject({ code: 'usage/classes', message: expect.stringMatching(message) });
    await expect(failure).rejects.toThrow(`--classes ${classes.length}`);
  });
});

describe('a checkpoint of a network for other classes', () => {
  const container = () => containerOf(dataset(['cat', 'dog'], [1, 0], [1, 0]), record(1));

  it('is evaluated by their order, without what is published of another', async () => {
    const result = await run(container(), await plant(0, 2), { model: { classes: 2 } });
    expect(result).toMatchObject({ count: 2, top1: 1, perClass: [{ name: 'cat' }, { name: 'dog' }] });
    expect(result).not.toHaveProperty('published');
  });

  it('must be said to be one', async () => {
    const bare = containerOf(dataset(['cat', 'dog'], [1, 0], [1, 0]));
    await expect(run(bare, await plant(0, 2))).rejects.toThrow(
      /^eye has 5 outputs, and the data set has 2 classes: cat, dog\..*--classes 2\./,
    );
  });
});

it.each([{ width: 2 }, { head: 'other' }])('what is published is not of a network with %j', async (model) => {
  const container = containerOf(dataset(['n02', 'n05'], [1, 4], [0, 1]), record(1));
  const result = await run(container, await plant(0), { model });
  expect(counted(result)).toEqual({ n02: 1, n05: 1 });
  expect(result).not.toHaveProperty('published');
});

it('images are of the size and prepared as the published network was fed them', async () => {
  const framed: Dataset = {
    ...dataset(['n02', 'n05'], [], []),
    open: async () => {
      const inside = (at: number) => at > 0 && at < 15;
      const data = Uint8Array.from({ length: 16 * 16 * 3 }, (_, at) => {
        const [row, column] = [Math.floor(at / 48), Math.floor(at / 3) % 16];
        return colours[inside(row) && inside(column) ? 1 : 4][at % 3]!;
      });
      const all = { ...split([0], [0]), read: async () => ({ data, height: 16, width: 16 }) };
      return { classes: ['n02', 'n05'], splits: { all }, skipped: [], close: async () => {} };
    },
  };
  const path = await plant(0);
  const own = { size: 12, preprocessing: 'inception' };
  const whole = await run(containerOf(dataset(['n02', 'n05'], [1], [0]), record(1)), path);
  // Inception's preprocessing leaves a sixteenth out at each edge: the frame.
  const central = await run(containerOf(framed, record(1, own)), path);
  expect(central.loss).toBeCloseTo(whole.loss, 5);
  const framedToo = await run(containerOf(framed, record(1, own)), path, { preprocessing: 'none' });
  expect(framedToo.loss).toBeGreaterThan(whole.loss + 0.01);
  await run(containerOf(framed, record(1, { ...own, size: 5 })), path, { model: { size: 7 } });
  expect(sizes.slice(-4)).toEqual([4, 12, 12, 7]);
});

it('the record that is named says what the classes are', async () => {
  const other = { ...record(1, { classNames: ['v', 'w', 'x', 'y', 'z'] }), name: 'other' };
  const foreign = { ...record(1, { model: 'ear' }), name: 'ear' };
  const container = containerOf(dataset(['v', 'z'], [0, 4], [0, 1]), record(1), other, foreign);
  const path = await plant(0);
  await expect(run(container, path)).rejects.toMatchObject({ code: 'usage/classes' });
  expect(await run(container, path, { pretrained: 'other' })).toMatchObject({ top1: 1 });
  await expect(run(container, path, { pretrained: 'ear' })).rejects.toThrow(
    'ear is a checkpoint of ear, and the network is eye',
  );
  await expect(run(container, path, { pretrained: 'nothing' })).rejects.toMatchObject({ code: 'plugin/missing' });
});

it('a split that is named is drawn as for a run', async () => {
  const container = containerOf(dataset(['n02', 'n05'], [1, 4, 4], [0, 1, 1]), record(1));
  const path = await plant(0);
  const of = (split: string) => run(container, path, { dataset: { name: 'images', folder: '/x', split } });
  expect(await of('test')).toMatchObject({ split: 'test', count: 1 });
  expect(await of('train')).toMatchObject({ split: 'train', count: 2 });
  expect(await of('all')).toMatchObject({ split: 'all', count: 3 });
  await expect(of('val')).rejects.toThrow("no split of the data set 'val'. Accepted: train, test");
});

it('may be of some images of a split, the same ones each time', async () => {
  const container = containerOf(dataset(['n02', 'n05'], [1, 4, 4], [0, 1, 1]), record(1));
  const path = await plant(0);
  const of = (limit: number) => run(container, path, { dataset: { name: 'images', folder: '/x', limit } });
  const two = await of(2);
  expect(two).toMatchObject({ count: 2, top1: 1 });
  expect(await of(2)).toEqual(two);
  expect(await of(4)).toMatchObject({ count: 3 });
});

it('images may be normalized otherwise than the network does it', async () => {
  const container = containerOf(dataset(['n02', 'n05'], [1, 4], [0, 1]), record(1));
  const path = await plant(0);
  const of = async (mean: number) => {
    const normalization = { mean: [mean, mean, mean], deviation: [255, 255, 255] } as const;
    return (await run(container, path, { model: { normalization } })).loss;
  };
  const own = (await run(container, path)).loss;
  expect(await of(0)).toBeCloseTo(own, 6);
  expect(await of(255)).toBeGreaterThan(own + 0.1);
});

it('is told what does not fit', async () => {
  const container = containerOf(dataset(['n02', 'n05'], [1, 4], [0, 1]), record(0));
  await expect(run(container, await plant(0))).rejects.toMatchObject({ code: 'checkpoint/does-not-fit' });
  await expect(run(container, '/nowhere/eye.ckpt')).rejects.toMatchObject({ code: 'checkpoint/not-recognised' });
  await expect(run(container, '/x', { batchSize: 0 })).rejects.toThrow(
    /^The checkpoint cannot be evaluated:\n {2}batchSize is 0\. Accepted: a whole number from 1 up\.$/,
  );
});

it('gives what the evaluation of the run gives whose checkpoint it is', async () => {
  const container = tinyContainer();
  const folder = join(await temporaryFolder(), 'run');
  await finetune({ ...tinyConfig, epochs: 1 }, container, { files: nodeFileSystem, folder });
  const opened = await openRun(folder, container, { files: nodeFileSystem });
  const data = await opened.openDataset();
  const { session, classes, preprocessing, checkpoint } = opened;
  const expected = await evaluate(session, data.splits.test, classes, { preprocessing, batchSize: 8 });
  await data.close();
  await opened.close();
  const found = await evaluateCheckpoint(
    {
      model: { name: 'tiny_net' },
      checkpoint: { path: checkpoint },
      dataset: { name: 'colours', folder: '/nowhere' },
      preprocessing: 'none',
      batchSize: 8,
    },
    container,
    { files: nodeFileSystem },
  );
  expect(found).toEqual({ split: 'test', ...expected });
  expect(found.top1).toBeGreaterThan(0.5);
});
