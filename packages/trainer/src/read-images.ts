import type {
  Image,
  ImageModule,
  ImageSource,
  MaskedImage,
  MaskedValues,
  MaskSplit,
  Preprocessing,
  Split,
} from '@graftjs/core';
import pMap from 'p-map';
import type { ImageJob, ImageWorkers } from './image-workers.js';
import { PreparedImages } from './prepared-images.js';
import { type Chance, prepareImage } from './preprocessing/prepare-image.js';
import { addressOf } from './preprocessing/preprocessing-address.js';

/** How images are read and prepared. */
export interface Preparation<P extends Image = Image, V extends Float32Array | MaskedValues = Float32Array> {
  /** Height and width of the network's input. */
  readonly size: number;
  readonly preprocessing: Preprocessing<P, V>;
  /** For training; without it the images are prepared for evaluation. */
  readonly chance?: Chance;
  /** See `BatchOptions`. */
  readonly workers?: number | ImageWorkers;
}

/** How images with masks are. */
export type MaskPreparation = Preparation<MaskedImage, MaskedValues>;

/** What of a preparation does not depend on the images' kind. */
type AnyPreparation = Omit<Preparation, 'preprocessing'> & {
  readonly preprocessing: Pick<Preprocessing, 'name' | 'module'>;
};

/** Images that are read at the same time on this thread where nothing is said. */
const readsAtOnce = 8;
/** A job has at least so many values, or all of a batch: of smaller ones posting would cost more than preparing. */
const leastValues = 2 ** 18;
/** Decoded images go to a thread when so many bytes have come together. */
const handedOverBytes = 2 ** 18;

/** The worker threads that can do a preparation, if there are any. */
export function threadsFor({ preprocessing, workers }: AnyPreparation): ImageWorkers | undefined {
  return typeof workers === 'object' && addressOf(preprocessing) ? workers : undefined;
}

/** Reads, prepares and rounds the images at `indices`: NHWC bytes. */
export async function readImages(split: Split, indices: Uint32Array, preparation: Preparation): Promise<Uint8Array> {
  return (await readPrepared(split, indices, preparation, false)).inputs;
}

/** The same of images with masks, and those: `size * size` bytes each. */
export async function readMaskedImages(
  split: MaskSplit,
  indices: Uint32Array,
  preparation: MaskPreparation,
): Promise<{ readonly inputs: Uint8Array; readonly masks: Uint8Array }> {
  const { inputs, masks } = await readPrepared(split, indices, preparation, true);
  return { inputs, masks };
}

async function readPrepared<P extends Image, V extends Float32Array | MaskedValues>(
  source: ImageSource<P>,
  indices: Uint32Array,
  preparation: Preparation<P, V>,
  masked: boolean,
): Promise<PreparedImages> {
  const threads = threadsFor(preparation);
  const prepared = new PreparedImages(indices.length, preparation.size, masked);
  if (!threads) await readHere(source, indices, preparation, prepared);
  else if (source.module) await readInThreads(source.module, indices, preparation, threads, prepared);
  else await handOver(source, indices, preparation, threads, prepared);
  return prepared;
}

async function readHere<P extends Image, V extends Float32Array | MaskedValues>(
  source: ImageSource<P>,
  indices: Uint32Array,
  { size, preprocessing, chance, workers }: Preparation<P, V>,
  prepared: PreparedImages,
): Promise<void> {
  await pMap(
    indices.entries(),
    async ([place, index]) => {
      const image = await source.read(index);
      prepared.put(place, prepareImage(image, index, size, preprocessing, chance));
    },
    { concurrency: typeof workers === 'number' ? workers : readsAtOnce },
  );
}

/** Has a thread prepare a part of the images. */
async function prepareInThread(
  threads: ImageWorkers,
  { size, preprocessing, chance }: AnyPreparation,
  masked: boolean,
  part: Pick<ImageJob, 'indices' | 'images'>,
): Promise<PreparedImages> {
  const job = { size, preprocessing: addressOf(preprocessing)!, masked, ...(chance && { chance }), ...part };
  return new PreparedImages(part.indices.length, size, masked, await threads.prepare(job));
}

/** The threads read the images: each gets a share of them. */
async function readInThreads(
  module: ImageModule,
  indices: Uint32Array,
  preparation: AnyPreparation,
  threads: ImageWorkers,
  prepared: PreparedImages,
): Promise<void> {
  const length = preparation.size ** 2 * 3;
  const share = Math.max(Math.ceil(indices.length / threads.count), Math.ceil(leastValues / length));
  const starts = Array.from({ length: Math.ceil(indices.length / share) }, (_, part) => part * share);
  await Promise.all(
    starts.map(async (start) => {
      const part = indices.slice(start, start + share);
      const images = { url: module.url, keys: Array.from(part, (index) => module.key(index)) };
      const done = await prepareInThread(threads, preparation, prepared.masked, { indices: part, images });
      prepared.copy(done, 0, part.length, start);
    }),
  );
}

/** A copy that can be given away. */
const copyImage = ({ data, height, width, ...rest }: Image | MaskedImage): Image | MaskedImage => ({
  data: new Uint8Array(data),
  height,
  width,
  ...('mask' in rest && { mask: new Uint8Array(rest.mask) }),
});

/** The images are read here, and copied to the threads: whoever gave them may need them again. */
async function handOver(
  source: ImageSource,
  indices: Uint32Array,
  preparation: AnyPreparation,
  threads: ImageWorkers,
  prepared: PreparedImages,
): Promise<void> {
  let part: { readonly place: number; readonly image: Image }[] = [];
  let partBytes = 0;
  const send = async () => {
    const sent = part;
    part = [];
    partBytes = 0;
    const done = await prepareInThread(threads, preparation, prepared.masked, {
      indices: Uint32Array.from(sent, ({ place }) => indices[place]!),
      images: sent.map(({ image }) => image),
    });
    for (const [i, { place }] of sent.entries()) prepared.copy(done, i, 1, place);
  };
  await pMap(
    indices.entries(),
    async ([place, index]) => {
      const image = copyImage(await source.read(index));
      part.push({ place, image });
      partBytes += image.data.length;
      if (partBytes >= handedOverBytes) await send();
    },
    { concurrency: readsAtOnce },
  );
  if (part.length > 0) await send();
}
