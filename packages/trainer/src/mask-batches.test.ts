// The built package, since a thread imports what was built.
import { DataError, type MaskedImage, type MaskPreprocessing, type MaskSplit, type Split } from '@graftjs/core';
import { formulaImage } from '@graftjs/core/testing';
import {
  createMaskPreprocessing,
  createPreprocessing,
  createRandom,
  type ImageJob,
  type ImageWorkers,
  limitSplit,
  type MaskTrainingBatch,
  maskTrainingBatches,
  trainingBatches,
} from '@graftjs/trainer';
import { startImageWorkers } from '@graftjs/trainer/node';
import { describe, expect, it, onTestFinished } from 'vitest';

function start(count: number): ImageWorkers {
  const workers = startImageWorkers(count);
  onTestFinished(() => workers.close());
  return workers;
}

const moduleOf = (text: string): string => `data:text/javascript,${encodeURIComponent(text)}`;

/** Noise of various sizes, whose mask is its index where it is not void. */
function noise(index: number): MaskedImage {
  const [height, width] = [40 + ((index * 7) % 30), 40 + ((index * 11) % 50)];
  const mask = Uint8Array.from({ length: height * width }, (_, i) => (i % 5 === 0 ? 255 : index));
  return { data: formulaImage(`image ${index}`, height, width), mask, height, width };
}

const noiseSplit = (count: number): MaskSplit => ({
  count,
  id: (index) => `image ${index}`,
  size: noise,
  read: async (index) => noise(index),
});

/** The same, which the threads read from a module, and nobody else can. */
const moduleSplit = (count: number): MaskSplit => ({
  ...noiseSplit(count),
  read: () => Promise.reject(new Error('read on the main thread')),
  module: {
    url: moduleOf(`
      import { formulaImage } from '${import.meta.resolve('@graftjs/core/testing')}';
      export const readImage = async (index) => {
        const [height, width] = [40 + ((index * 7) % 30), 40 + ((index * 11) % 50)];
        const mask = Uint8Array.from({ length: height * width }, (_, i) => (i % 5 === 0 ? 255 : index));
        return { data: formulaImage('image ' + index, height, width), mask, height, width };
      };
    `),
    key: (index) => index,
  },
});

async function collect<T>(batches: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const batch of batches) all.push(batch);
  return all;
}

const preprocessing = createMaskPreprocessing(['crop', 'flip', 'scale']);
const options = { size: 24, preprocessing, classes: 21, batchSize: 8, seed: 7, from: 1, to: 8 };
const count = 21;

describe('batches with masks', () => {
  it('come in the order of those with labels, each image drawn by epoch and index', async () => {
    const labelled: Split = { ...noiseSplit(count), labels: new Int32Array(count) };
    const accumulate = 2;
    const plain = { ...options, preprocessing: createPreprocessing(['none']), accumulate };
    const expected = await collect(trainingBatches(labelled, plain));
    const batches = await collect(maskTrainingBatches(noiseSplit(count), { ...options, accumulate }));
    expect(batches.length).toBe(expected.length);
    for (const [at, { inputs, masks, classWeights, ...planned }] of batches.entries()) {
      const { indices, step, epoch, endsStep, seed } = expected[at]!;
      expect(planned).toEqual({ indices, step, epoch, endsStep, seed });
      expect([inputs.length, masks.length]).toEqual([indices.length * 24 * 24 * 3, indices.length * 24 * 24]);
      const labelled = batches
        .filter((other) => other.step === step)
        .flatMap((other) => [...other.masks.filter((label) => label !== 255)]);
      expect([...classWeights]).toEqual(new Array<number>(21).fill(Math.fround(1 / labelled.length)));
      for (const [place, index] of indices.entries()) {
        // Stream 4 of a run is that of its images.
        const { values, mask } = preprocessing.train(noise(index), 24, createRandom(7, 4, epoch, index));
        expect(masks.subarray(place * 576, (place + 1) * 576)).toEqual(mask);
        expect(inputs.subarray(place * 1728, (place + 1) * 1728)).toEqual(
          new Uint8Array(Uint8ClampedArray.from(values).buffer),
        );
      }
    }
  });

  it.each([
    ['none', 1],
    ['crop,flip', 2],
    ['crop,flip,scale', 3],
  ])('of %s in %i threads: those of the main thread, bit by bit', async (names, threads) => {
    const training = { ...options, preprocessing: createMaskPreprocessing(names.split(',')) };
    const expected = await collect(maskTrainingBatches(noiseSplit(count), training));
    const workers = start(threads);
    const jobs: ImageJob[] = [];
    const noting: ImageWorkers = {
      ...workers,
      prepare(job) {
        jobs.push(job);
        return workers.prepare(job);
      },
    };
    for (const split of [noiseSplit(count), moduleSplit(count)]) {
      expect(await collect(maskTrainingBatches(split, { ...training, workers: noting }))).toEqual(expected);
    }
    const images = jobs.reduce((sum, { indices }) => sum + indices.length, 0);
    expect(images).toBe(2 * expected.reduce((sum, { indices }) => sum + indices.length, 0));
  });

  it('leave the masks that a split gives as they are', async () => {
    const kept = noise(3);
    const split: MaskSplit = { ...noiseSplit(2), read: async () => kept };
    await collect(maskTrainingBatches(split, { ...options, from: 0, to: 1, workers: start(1) }));
    expect(kept).toEqual(noise(3));
  });

  it('are made by a preprocessing of a module', async () => {
    const url = moduleOf(`
      const prepare = (image, size) => ({
        values: new Float32Array(size * size * 3).fill(9), mask: new Uint8Array(size * size).fill(image.mask[1]),
      });
      export const mine = { name: 'mine', train: prepare, evaluate: prepare };
    `);
    const nowhere = (): never => {
      throw new Error('prepared on the main thread');
    };
    const mine: MaskPreprocessing = { name: 'mine', module: url, train: nowhere, evaluate: nowhere };
    const training = { ...options, preprocessing: mine, from: 0, to: 1, workers: start(1) };
    const [batch] = await collect(maskTrainingBatches(moduleSplit(count), training));
    expect(batch!.inputs.every((value) => value === 9)).toBe(true);
    for (const [place, index] of batch!.indices.entries()) expect(batch!.masks[place * 576]).toBe(index);
  });

  it('name a damaged mask, in threads too', async () => {
    const damaged: MaskSplit = {
      ...noiseSplit(4),
      read: async (index) => ({ ...noise(index), mask: new Uint8Array(7) }),
    };
    for (const workers of [4, start(1)]) {
      const batches = collect<MaskTrainingBatch>(maskTrainingBatches(damaged, { ...options, workers }));
      const error: unknown = await batches.catch((error: unknown) => error);
      expect(error).toBeInstanceOf(DataError);
      expect(error).toMatchObject({ code: 'data/mask-size' });
    }
  });
});

describe('a limit of a split with masks', () => {
  it('leaves the images that it leaves of one with labels', async () => {
    const labelled: Split = { ...noiseSplit(count), labels: Int32Array.from({ length: count }, (_, index) => index) };
    const expected = limitSplit(labelled, 6, 3);
    for (const split of [limitSplit(noiseSplit(count), 6, 3), limitSplit(moduleSplit(count), 6, 3)]) {
      expect(split.count).toBe(6);
      const ids = Array.from({ length: 6 }, (_, index) => split.id(index));
      expect(ids).toEqual(Array.from(expected.labels, (label) => `image ${label}`));
    }
    const limited = limitSplit(noiseSplit(count), 6, 3);
    expect((await limited.read(2)).mask[1]).toBe(expected.labels[2]);
    expect(limitSplit(moduleSplit(count), 6, 3).module!.key(2)).toBe(expected.labels[2]);
    expect(() => limitSplit(moduleSplit(count), 6, 3).module!.key(6)).toThrow('limited to 0 to 5');
    const whole = noiseSplit(count);
    expect(limitSplit(whole, count, 3)).toBe(whole);
  });
});
