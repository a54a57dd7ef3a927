import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataError } from '@graftjs/core';
import { formulaImage } from '@graftjs/core/testing';
import { folder } from '@graftjs/data-folder';
import { createPreprocessing, evaluationBatches, trainingBatches } from '@graftjs/trainer';
import { startImageWorkers } from '@graftjs/trainer/node';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';

const workers = startImageWorkers(2);
let root: string;

/** Images of two classes, as JPEG of various sizes. */
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'folder-in-threads-'));
  for (const name of ['left', 'right']) {
    await mkdir(join(root, name));
    for (let index = 0; index < 10; index++) {
      const [width, height] = [90 + 13 * index, 140 - 7 * index];
      const pixels = formulaImage(`${name} ${index}`, height, width);
      await sharp(pixels, { raw: { width, height, channels: 3 } }).toFile(join(root, name, `${index}.jpg`));
    }
  }
});
afterAll(async () => {
  await workers.close();
  await rm(root, { recursive: true });
});

async function collect<T>(batches: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const batch of batches) all.push(batch);
  return all;
}

it.each(['none', 'vgg', 'inception'])('%s of JPEG files that threads decode is what it is here', async (name) => {
  const { splits } = await folder.open({ folder: root });
  const options = { size: 64, preprocessing: createPreprocessing([name]), batchSize: 6 };
  const training = { ...options, seed: 3, to: 6 };
  const expected = await collect(trainingBatches(splits.train!, training));
  expect(await collect(trainingBatches(splits.train!, { ...training, workers }))).toEqual(expected);
  const tested = await collect(evaluationBatches(splits.test!, options));
  expect(await collect(evaluationBatches(splits.test!, { ...options, workers }))).toEqual(tested);
});

it('an image that is cut short is the same error from a thread as from here', async () => {
  const { splits } = await folder.open({ folder: root });
  const path = splits.train!.id(4);
  const whole = await readFile(path);
  await writeFile(path, whole.subarray(0, whole.length >> 1));
  const here: unknown = await splits.train!.read(4).catch((error: unknown) => error);
  const options = { size: 64, preprocessing: createPreprocessing(['none']), workers };
  const thread: unknown = await collect(evaluationBatches(splits.train!, options)).catch((error: unknown) => error);
  await writeFile(path, whole);
  for (const error of [here, thread]) {
    expect(error).toBeInstanceOf(DataError);
    expect(error).toMatchObject({ code: 'data/damaged-image', details: { path }, cause: expect.any(Error) });
    expect((error as DataError).message).toContain(`${path} cannot be decoded: `);
    expect((error as DataError).message).toContain("or open the data set with corrupt 'skip'");
  }
});
