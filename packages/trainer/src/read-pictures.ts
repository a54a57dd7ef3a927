import type { Picture, PictureModule, Preprocessing, Split } from '@graftjs/core';
import pMap from 'p-map';
import type { PictureJob, PictureWorkers } from './picture-workers.js';
import { type Chance, preparePicture } from './preprocessing/prepare-picture.js';
import { addressOf } from './preprocessing/preprocessing-address.js';

/** How pictures are read and prepared. */
export interface Preparation {
  /** Height and width of the network's input. */
  readonly size: number;
  readonly preprocessing: Preprocessing;
  /** For training; without it the pictures are prepared for evaluation. */
  readonly chance?: Chance;
  /** See `BatchOptions`. */
  readonly workers?: number | PictureWorkers;
}

/** Pictures that are read at the same time on this thread where nothing is said. */
const readsAtOnce = 8;
/** A job has at least so many values, or all of a batch: of smaller ones posting would cost more than preparing. */
const leastValues = 2 ** 18;
/** Decoded pictures go to a thread when so many bytes have come together. */
const handedOverBytes = 2 ** 18;

/** The worker threads that can do a preparation, if there are any. */
export function threadsFor({ preprocessing, workers }: Preparation): PictureWorkers | undefined {
  return typeof workers === 'object' && addressOf(preprocessing) ? workers : undefined;
}

/** Reads, prepares and rounds the pictures at `indices`: NHWC bytes. */
export function readPictures(split: Split, indices: Uint32Array, preparation: Preparation): Promise<Uint8Array> {
  const threads = threadsFor(preparation);
  if (!threads) return readHere(split, indices, preparation);
  return split.module
    ? readInThreads(split.module, indices, preparation, threads)
    : handOver(split, indices, preparation, threads);
}

async function readHere(
  split: Split,
  indices: Uint32Array,
  { size, preprocessing, chance, workers }: Preparation,
): Promise<Uint8Array> {
  const length = size * size * 3;
  // Clamped arrays round as TensorFlow does: to the nearest, halves to the even one.
  const bytes = new Uint8ClampedArray(indices.length * length);
  await pMap(
    indices.entries(),
    async ([place, index]) => {
      const picture = await split.read(index);
      bytes.set(preparePicture(picture, index, size, preprocessing, chance), place * length);
    },
    { concurrency: typeof workers === 'number' ? workers : readsAtOnce },
  );
  return new Uint8Array(bytes.buffer);
}

/** The part of a job that is the same for all pictures. */
const jobOf = ({
  size,
  preprocessing,
  chance,
}: Preparation): Pick<PictureJob, 'size' | 'preprocessing' | 'chance'> => ({
  size,
  preprocessing: addressOf(preprocessing)!,
  ...(chance && { chance }),
});

/** The threads read the pictures: each gets a share of them. */
async function readInThreads(
  module: PictureModule,
  indices: Uint32Array,
  preparation: Preparation,
  threads: PictureWorkers,
): Promise<Uint8Array> {
  const length = preparation.size ** 2 * 3;
  const bytes = new Uint8Array(indices.length * length);
  const share = Math.max(Math.ceil(indices.length / threads.count), Math.ceil(leastValues / length));
  const starts = Array.from({ length: Math.ceil(indices.length / share) }, (_, part) => part * share);
  await Promise.all(
    starts.map(async (start) => {
      const part = indices.slice(start, start + share);
      const pictures = { url: module.url, keys: Array.from(part, (index) => module.key(index)) };
      bytes.set(await threads.prepare({ ...jobOf(preparation), indices: part, pictures }), start * length);
    }),
  );
  return bytes;
}

/** The pictures are read here, and copied to the threads: whoever gave them may need them again. */
async function handOver(
  split: Split,
  indices: Uint32Array,
  preparation: Preparation,
  threads: PictureWorkers,
): Promise<Uint8Array> {
  const length = preparation.size ** 2 * 3;
  const bytes = new Uint8Array(indices.length * length);
  let part: { readonly place: number; readonly picture: Picture }[] = [];
  let partBytes = 0;
  const send = async () => {
    const sent = part;
    part = [];
    partBytes = 0;
    const prepared = await threads.prepare({
      ...jobOf(preparation),
      indices: Uint32Array.from(sent, ({ place }) => indices[place]!),
      pictures: sent.map(({ picture }) => picture),
    });
    for (const [i, { place }] of sent.entries()) {
      bytes.set(prepared.subarray(i * length, (i + 1) * length), place * length);
    }
  };
  await pMap(
    indices.entries(),
    async ([place, index]) => {
      const { data, height, width } = await split.read(index);
      part.push({ place, picture: { data: new Uint8Array(data), height, width } });
      partBytes += data.length;
      if (partBytes >= handedOverBytes) await send();
    },
    { concurrency: readsAtOnce },
  );
  if (part.length > 0) await send();
  return bytes;
}
