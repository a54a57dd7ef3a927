import {
  GraftError,
  type Image,
  type MaskedImage,
  type MaskPreprocessing,
  PluginError,
  type Preprocessing,
} from '@graftjs/core';
import { move } from 'piscina';
import type { ImageJob } from '../image-workers.js';
import { prefetched } from '../prefetched.js';
import { PreparedImages } from '../prepared-images.js';
import { createMaskPreprocessing } from '../preprocessing/create-mask-preprocessing.js';
import { createPreprocessing } from '../preprocessing/create-preprocessing.js';
import { prepareImage } from '../preprocessing/prepare-image.js';
import type { PreprocessingAddress } from '../preprocessing/preprocessing-address.js';
import { toErrorMessage } from './error-message.js';

type ReadImage = (key: unknown) => Promise<Image>;

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

type AnyPreprocessing = Preprocessing<Image | MaskedImage, ReturnType<(Preprocessing | MaskPreprocessing)['train']>>;

async function findPreprocessing({ name, module }: PreprocessingAddress, masked: boolean): Promise<AnyPreprocessing> {
  if (module === undefined) return (masked ? createMaskPreprocessing : createPreprocessing)(name.split(','));
  const what = `preprocessing '${name}'`;
  const found = Object.values(await importModule(module, what)).find(
    (value): value is AnyPreprocessing =>
      typeof value === 'object' && (value as { name?: unknown } | null)?.name === name,
  );
  return found ?? refuse(module, what);
}

async function findReader(url: string): Promise<ReadImage> {
  const { readImage } = await importModule(url, 'function readImage');
  return typeof readImage === 'function' ? (readImage as ReadImage) : refuse(url, 'function readImage');
}

/** The images of a job in its order; one is decoded while the one before it is worked on. */
async function* read(images: ImageJob['images']): AsyncGenerator<Image> {
  if (!('url' in images)) return yield* images;
  const { url, keys } = images;
  const readImage = await findReader(url);
  yield* prefetched(0, keys.length, 1, (place) => readImage(keys[place]));
}

async function prepare(job: ImageJob): Promise<Uint8Array> {
  const { indices, size, chance, masked = false } = job;
  const preprocessing = await findPreprocessing(job.preprocessing, masked);
  const prepared = new PreparedImages(indices.length, size, masked);
  let place = 0;
  for await (const image of read(job.images)) {
    prepared.put(place, prepareImage(image, indices[place]!, size, preprocessing, chance));
    place++;
  }
  return prepared.bytes;
}

/** What a worker thread does with a job: its bytes are handed over, and so is what it fails with. */
export default async function runJob(job: ImageJob): Promise<unknown> {
  try {
    return move(await prepare(job));
  } catch (error) {
    return toErrorMessage(error);
  }
}
