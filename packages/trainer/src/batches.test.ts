import { setImmediate as tick } from 'node:timers/promises';
import type { Image, Preprocessing, Split } from '@graftjs/core';
import { describe, expect, it } from 'vitest';
import { type BatchOptions, evaluationBatches, limitSplit, type TrainingBatch, trainingBatches } from './batches.js';

/** Images of one colour: their index. */
function plainSplit(count: number): Split & { readonly reads: number[]; mostAtOnce: number } {
  let open = 0;
  const split = {
    labels: Int32Array.from({ length: count }, (_, index) => index % 4),
    reads: [] as number[],
    mostAtOnce: 0,
    id: (index: number) => `image ${index}`,
    async read(index: number): Promise<Image> {
      split.reads.push(index);
      split.mostAtOnce = Math.max(split.mostAtOnce, ++open);
      await tick();
      open--;
      return { data: new Uint8Array(12).fill(index), height: 2, width: 2 };
    },
  };
  return split;
}

/** Evaluation gives the colour, training a random value. */
const preprocessing: Preprocessing = {
  name: 'drawn',
  train: (_, size, random) => new Float32Array(size * size * 3).fill(255 * random.uniform()),
  evaluate: (image, size) => new Float32Array(size * size * 3).fill(image.data[0]!),
};
const options: BatchOptions = { size: 2, preprocessing, batchSize: 5, workers: 3 };

async function collect<T>(batches: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const batch of batches) all.push(batch);
  return all;
}

const train = (split: Split, seed: number, from: number, to: number): Promise<TrainingBatch[]> =>
  collect(trainingBatches(split, { ...options, seed, from, to }));

describe('training batches', () => {
  const count = 23;

  it('have every image once in an epoch, in another order each time, the last batch smaller', async () => {
    const split = plainSplit(count);
    const batches = await train(split, 7, 0, 10);
    expect(batches.map(({ labels }) => labels.length)).toEqual([5, 5, 5, 5, 3, 5, 5, 5, 5, 3]);
    expect(batches.map(({ step, epoch }) => [step, epoch])).toEqual(
      Array.from({ length: 10 }, (_, step) => [step, step < 5 ? 0 : 1]),
    );
    const orders = [0, 1].map((epoch) =>
      batches.filter((batch) => batch.epoch === epoch).flatMap(({ indices }) => [...indices]),
    );
    const all = Array.from({ length: count }, (_, index) => index);
    for (const order of orders) {
      expect(order.toSorted((a, b) => a - b)).toEqual(all);
      expect(order).not.toEqual(all);
    }
    expect(orders[0]).not.toEqual(orders[1]);
    for (const { indices, labels } of batches) {
      expect([...labels]).toEqual([...indices].map((index) => split.labels[index]));
    }
  });

  it('are the same from any step on, and others by another seed', async () => {
    const whole = await train(plainSplit(count), 7, 0, 12);
    for (const from of [1, 4, 5, 8]) {
      expect(await train(plainSplit(count), 7, from, 12)).toEqual(whole.slice(from));
    }
    const other = await train(plainSplit(count), 8, 0, 12);
    for (const [step, batch] of other.entries()) {
      expect(batch.inputs).not.toEqual(whole[step]!.inputs);
      expect(batch.indices).not.toEqual(whole[step]!.indices);
      expect(batch.seed).not.toBe(whole[step]!.seed);
    }
  });

  it('accumulated, have the images of larger ones in pieces, from any step on', async () => {
    const large = await collect(trainingBatches(plainSplit(count), { ...options, batchSize: 10, seed: 7, to: 6 }));
    const accumulated = (from: number) =>
      collect(trainingBatches(plainSplit(count), { ...options, accumulate: 2, seed: 7, from, to: 6 }));
    const small = await accumulated(0);
    expect(small.map(({ step, labels, endsStep }) => [step, labels.length, endsStep])).toEqual(
      [0, 3].flatMap((first) => [
        [first, 5, false],
        [first, 5, true],
        [first + 1, 5, false],
        [first + 1, 5, true],
        [first + 2, 3, true],
      ]),
    );
    for (const { step, epoch, indices, weights, inputs } of large) {
      const pieces = small.filter((piece) => piece.step === step);
      expect(pieces.map((piece) => piece.epoch)).toEqual(pieces.map(() => epoch));
      expect(pieces.flatMap((piece) => [...piece.indices])).toEqual([...indices]);
      expect(pieces.flatMap((piece) => [...piece.weights])).toEqual([...weights]);
      expect(pieces.flatMap((piece) => [...piece.inputs])).toEqual([...inputs]);
    }
    expect(new Set(small.map(({ seed }) => seed)).size).toBe(small.length);
    for (const from of [1, 2, 3, 5]) {
      expect(await accumulated(from)).toEqual(small.filter(({ step }) => step >= from));
    }
  });

  it('draw an image by epoch and index, whatever batch it is in', async () => {
    const drawn = async (batchSize: number) => {
      const steps = Math.ceil(count / batchSize);
      const batches = await collect(
        trainingBatches(plainSplit(count), { ...options, batchSize, seed: 7, from: 0, to: 2 * steps }),
      );
      return new Map(
        batches.flatMap(({ indices, inputs, epoch }) =>
          [...indices].map((index, at) => [`${epoch} ${index}`, inputs[at * 12]] as const),
        ),
      );
    };
    const by5 = await drawn(5);
    expect(await drawn(8)).toEqual(by5);
    // A value of 256 falls on the same one in both epochs now and then.
    const same = [...Array(count).keys()].filter((index) => by5.get(`0 ${index}`) === by5.get(`1 ${index}`));
    expect(same.length).toBeLessThan(4);
  });

  it('read one batch ahead and no further, so many images at once', async () => {
    const split = plainSplit(count);
    const batches = trainingBatches(split, { ...options, seed: 7, to: 5 });
    await batches.next();
    for (let i = 0; i < 50; i++) await tick();
    expect(split.reads.length).toBe(10);
    expect(split.mostAtOnce).toBe(3);
    await batches.return(undefined);
    expect(split.reads.length).toBe(10);
  });

  it('pass on what an image’s reading fails with, when its batch’s turn comes', async () => {
    const split = plainSplit(count);
    const [, second] = await train(split, 7, 0, 2);
    const broken: Split = {
      ...split,
      read: async (index) => {
        if (index === second!.indices[0]) throw new Error('cut short');
        return split.read(index);
      },
    };
    const batches = trainingBatches(broken, { ...options, seed: 7, to: 5 });
    expect((await batches.next()).done).toBe(false);
    for (let i = 0; i < 50; i++) await tick();
    await expect(batches.next()).rejects.toThrow('cut short');
  });
});

describe('evaluation batches', () => {
  it('have every image in order, rounded to the nearest byte, halves to the even one', async () => {
    const batches = await collect(evaluationBatches(plainSplit(12), options));
    expect(batches.flatMap(({ indices }) => [...indices])).toEqual(Array.from({ length: 12 }, (_, index) => index));
    expect(batches.map(({ inputs }) => inputs[0])).toEqual([0, 5, 10]);
    const values = [-3, 0.49, 0.5, 1.5, 2.5, 254.5, 255.5, 300, 7, 7.51, 8, 9];
    const exact: Preprocessing = { ...preprocessing, evaluate: () => Float32Array.from(values) };
    const [batch] = await collect(evaluationBatches(plainSplit(1), { ...options, preprocessing: exact }));
    expect([...batch!.inputs]).toEqual([0, 0, 0, 2, 2, 254, 255, 255, 7, 8, 8, 9]);
  });
});

describe('a limit', () => {
  it('takes the same images by the same seed, more of them where it is larger', async () => {
    const split = plainSplit(40);
    const ids = (limit: number, seed: number) => {
      const limited = limitSplit(split, limit, seed);
      return Array.from(limited.labels, (label, index) => `${limited.id(index)} ${label}`);
    };
    const ten = ids(10, 1);
    expect(new Set(ten).size).toBe(10);
    expect(ids(10, 1)).toEqual(ten);
    expect(ids(10, 2)).not.toEqual(ten);
    expect(ids(20, 1)).toEqual(expect.arrayContaining(ten));
    const all = Array.from(split.labels, (label, index) => `image ${index} ${label}`);
    expect(all).toEqual(expect.arrayContaining(ten));
    expect(ten).not.toEqual(all.slice(0, 10));
  });

  it('reads the image whose id it gives, and none past its end', async () => {
    const split = plainSplit(40);
    const limited = limitSplit(split, 5, 1);
    for (const index of limited.labels.keys()) {
      const { data } = await limited.read(index);
      expect(limited.id(index)).toBe(`image ${data[0]}`);
    }
    await expect(limited.read(5)).rejects.toThrow('limited to 0 to 4');
    expect(limitSplit(split, 40, 1)).toBe(split);
    expect(limitSplit(split, undefined, 1)).toBe(split);
  });
});
