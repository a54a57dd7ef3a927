import type {
  MaskedPicture,
  MaskedValues,
  MaskSplit,
  Picture,
  PictureModule,
  PictureSource,
  Preprocessing,
  Split,
} from '@graftjs/core';
import pMap from 'p-map';
import type { PictureJob, PictureWorkers } from './picture-workers.js';
import { PreparedPictures } from './prepared-pictures.js';
import { type Chance, preparePicture } from './preprocessing/prepare-picture.js';
import { addressOf } from './preprocessing/preprocessing-address.js';

/** How pictures are read and prepared. */
export interface Preparation<P extends Picture = Picture, V extends Float32Array | MaskedValues = Float32Array> {
  /** Height and width of the network's input. */
  readonly size: number;
  readonly preprocessing: Preprocessing<P, V>;
  /** For training; without it the pictures are prepared for evaluation. */
  readonly chance?: Chance;
  /** See `BatchOptions`. */
  readonly workers?: number | PictureWorkers;
}

/** How pictures with masks are. */
export type MaskPreparation = Preparation<MaskedPicture, MaskedValues>;

/** What of a preparation does not depend on the pictures' kind. */
type AnyPreparation = Omit<Preparation, 'preprocessing'> & {
  readonly preprocessing: Pick<Preprocessing, 'name' | 'module'>;
};

/** Pictures that are read at the same time on this thread where nothing is said. */
const readsAtOnce = 8;
/** A job has at least so many values, or all of a batch: of smaller ones posting would cost more than preparing. */
const leastValues = 2 ** 18;
/** Decoded pictures go to a thread when so many bytes have come together. */
const handedOverBytes = 2 ** 18;

/** The worker threads that can do a preparation, if there are any. */
export function threadsFor({ preprocessing, workers }: AnyPreparation): PictureWorkers | undefined {
  return typeof workers === 'object' && addressOf(preprocessing) ? workers : undefined;
}

/** Reads, prepares and rounds the pictures at `indices`: NHWC bytes. */
export async function readPictures(split: Split, indices: Uint32Array, preparation: Preparation): Promise<Uint8Array> {
  return (await readPrepared(split, indices, preparation, false)).inputs;
}

/** The same of pictures with masks, and those: `size * size` bytes each. */
export async function readMaskedPictures(
  split: MaskSplit,
  indices: Uint32Array,
  preparation: MaskPreparation,
): Promise<{ readonly inputs: Uint8Array; readonly masks: Uint8Array }> {
  const { inputs, masks } = await readPrepared(split, indices, preparation, true);
  return { inputs, masks };
}

async function readPrepared<P extends Picture, V extends Float32Array | MaskedValues>(
  source: PictureSource<P>,
  indices: Uint32Array,
  preparation: Preparation<P, V>,
  masked: boolean,
): Promise<PreparedPictures> {
  const threads = threadsFor(preparation);
  const prepared = new PreparedPictures(indices.length, preparation.size, masked);
  if (!threads) await readHere(source, indices, preparation, prepared);
  else if (source.module) await readInThreads(source.module, indices, preparation, threads, prepared);
  else await handOver(source, indices, preparation, threads, prepared);
  return prepared;
}

async function readHere<P extends Picture, V extends Float32Array | MaskedValues>(
  source: PictureSource<P>,
  indices: Uint32Array,
  { size, preprocessing, chance, workers }: Preparation<P, V>,
  prepared: PreparedPictures,
): Promise<void> {
  await pMap(
    indices.entries(),
    async ([place, index]) => {
      const picture = await source.read(index);
      prepared.put(place, preparePicture(picture, index, size, preprocessing, chance));
    },
    { concurrency: typeof workers === 'number' ? workers : readsAtOnce },
  );
}

/** Has a thread prepare a part of the pictures. */
async function prepareInThread(
  threads: PictureWorkers,
  { size, preprocessing, chance }: AnyPreparation,
  masked: boolean,
  part: Pick<PictureJob, 'indices' | 'pictures'>,
): Promise<PreparedPictures> {
  const job = { size, preprocessing: addressOf(preprocessing)!, masked, ...(chance && { chance }), ...part };
  return new PreparedPictures(part.indices.length, size, masked, await threads.prepare(job));
}

/** The threads read the pictures: each gets a share of them. */
async function readInThreads(
  module: PictureModule,
  indices: Uint32Array,
  preparation: AnyPreparation,
  threads: PictureWorkers,
  prepared: PreparedPictures,
): Promise<void> {
  const length = preparation.size ** 2 * 3;
  const share = Math.max(Math.ceil(indices.length / threads.count), Math.ceil(leastValues / length));
  const starts = Array.from({ length: Math.ceil(indices.length / share) }, (_, part) => part * share);
  await Promise.all(
    starts.map(async (start) => {
      const part = indices.slice(start, start + share);
      const pictures = { url: module.url, keys: Array.from(part, (index) => module.key(index)) };
      const done = await prepareInThread(threads, preparation, prepared.masked, { indices: part, pictures });
      prepared.copy(done, 0, part.length, start);
    }),
  );
}

/** A copy that can be given away. */
const copyPicture = ({ data, height, width, ...rest }: Picture | MaskedPicture): Picture | MaskedPicture => ({
  data: new Uint8Array(data),
  height,
  width,
  ...('mask' in rest && { mask: new Uint8Array(rest.mask) }),
});

/** The pictures are read here, and copied to the threads: whoever gave them may need them again. */
async function handOver(
  source: PictureSource,
  indices: Uint32Array,
  preparation: AnyPreparation,
  threads: PictureWorkers,
  prepared: PreparedPictures,
): Promise<void> {
  let part: { readonly place: number; readonly picture: Picture }[] = [];
  let partBytes = 0;
  const send = async () => {
    const sent = part;
    part = [];
    partBytes = 0;
    const done = await prepareInThread(threads, preparation, prepared.masked, {
      indices: Uint32Array.from(sent, ({ place }) => indices[place]!),
      pictures: sent.map(({ picture }) => picture),
    });
    for (const [i, { place }] of sent.entries()) prepared.copy(done, i, 1, place);
  };
  await pMap(
    indices.entries(),
    async ([place, index]) => {
      const picture = copyPicture(await source.read(index));
      part.push({ place, picture });
      partBytes += picture.data.length;
      if (partBytes >= handedOverBytes) await send();
    },
    { concurrency: readsAtOnce },
  );
  if (part.length > 0) await send();
}
