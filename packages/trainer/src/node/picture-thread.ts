import { GraftError, type Picture, PluginError, type Preprocessing } from '@graftjs/core';
import { move } from 'piscina';
import type { PictureJob } from '../picture-workers.js';
import { prefetched } from '../prefetched.js';
import { createPreprocessing } from '../preprocessing/create-preprocessing.js';
import { preparePicture } from '../preprocessing/prepare-picture.js';
import type { PreprocessingAddress } from '../preprocessing/preprocessing-address.js';
import { toErrorMessage } from './error-message.js';

type ReadPicture = (key: unknown) => Promise<Picture>;

function refuse(url: string, what: string, cause?: unknown): never {
  throw new PluginError('plugin/module', `A worker thread found no ${what} in the module ${url}.`, {
    details: { url },
    ...(cause !== undefined && { cause }),
  });
}

/** What a module exports; modules are imported once a thread. */
async function importModule(url: string, what: string): Promise<Record<string, unknown>> {
  try {
    return await import(url);
  } catch (cause) {
    if (GraftError.isInstance(cause)) throw cause;
    return refuse(url, `${what}, since it cannot be imported (${(cause as Error).message}),`, cause);
  }
}

async function findPreprocessing({ name, module }: PreprocessingAddress): Promise<Preprocessing> {
  if (module === undefined) return createPreprocessing(name.split(','));
  const what = `preprocessing '${name}'`;
  const found = Object.values(await importModule(module, what)).find(
    (value): value is Preprocessing => typeof value === 'object' && (value as Preprocessing | null)?.name === name,
  );
  return found ?? refuse(module, what);
}

async function findReader(url: string): Promise<ReadPicture> {
  const { readPicture } = await importModule(url, 'function readPicture');
  return typeof readPicture === 'function' ? (readPicture as ReadPicture) : refuse(url, 'function readPicture');
}

/** The pictures of a job in its order; one is decoded while the one before it is worked on. */
async function* read(pictures: PictureJob['pictures']): AsyncGenerator<Picture> {
  if (!('url' in pictures)) return yield* pictures;
  const { url, keys } = pictures;
  const readPicture = await findReader(url);
  yield* prefetched(0, keys.length, 1, (place) => readPicture(keys[place]));
}

async function prepare({ indices, size, preprocessing: address, chance, pictures }: PictureJob): Promise<Uint8Array> {
  const length = size * size * 3;
  const preprocessing = await findPreprocessing(address);
  // Clamped arrays round as TensorFlow does: to the nearest, halves to the even one.
  const bytes = new Uint8ClampedArray(indices.length * length);
  let place = 0;
  for await (const picture of read(pictures)) {
    bytes.set(preparePicture(picture, indices[place]!, size, preprocessing, chance), place * length);
    place++;
  }
  return new Uint8Array(bytes.buffer);
}

/** What a worker thread does with a job: its bytes are handed over, and so is what it fails with. */
export default async function runJob(job: PictureJob): Promise<unknown> {
  try {
    return move(await prepare(job));
  } catch (error) {
    return toErrorMessage(error);
  }
}
