import { DataError, type PictureModule, type Split } from '@graftjs/core';
import type { PictureWorkers } from './picture-workers.js';
import { prefetched } from './prefetched.js';
import { createRandom, shuffled } from './random.js';
import { type Preparation, readPictures, threadsFor } from './read-pictures.js';
import { stream } from './streams.js';

/** Pictures ready for a network, and their classes. */
export interface PictureBatch {
  /** NHWC bytes, `labels.length * size * size * 3`; or features, where the batches are made of those. */
  readonly inputs: Uint8Array | Float32Array;
  readonly labels: Int32Array;
  /** Which pictures of the split these are. */
  readonly indices: Uint32Array;
}

/** A step's batch, or one of those whose gradients it accumulates. */
export interface TrainingBatch extends PictureBatch {
  /** How much each picture counts in the step's loss: its class's weight / the number of pictures of the step. */
  readonly weights: Float32Array;
  /** Updates before it. */
  readonly step: number;
  readonly epoch: number;
  /** Whether the update comes after it. */
  readonly endsStep: boolean;
  /** For dropout. */
  readonly seed: number;
}

/** What a split's pictures give at the end of a frozen prefix. */
export interface FeatureSource {
  /** Of the pictures at `indices`, one after the other. */
  read(indices: Uint32Array): Promise<Float32Array>;
}

/** How pictures become batches. */
export interface BatchOptions extends Omit<Preparation, 'chance'> {
  /** Default 32. */
  readonly batchSize?: number;
  /**
   * Who reads and prepares the pictures: this thread, with so many read at the same time, or worker threads
   * (`startPictureWorkers` of `@graftjs/trainer/node`). A preprocessing that is not Graft's own and names no `module` runs on
   * this thread even so. The batches are the same, bit by bit. Default 8.
   */
  readonly workers?: number | PictureWorkers;
  /**
   * Batches that are prepared ahead of the one that is worked on: as many more are in memory. Default 1, and 2 with worker
   * threads.
   */
  readonly prefetch?: number;
  /** What is given instead of the pictures: then neither size nor preprocessing matter. */
  readonly features?: FeatureSource;
}

/** Which steps of a run to give batches for. */
export interface TrainingBatchOptions extends BatchOptions {
  readonly seed: number;
  /** Batches of a step, whose pictures are those of one batch so many times as large. Default 1. */
  readonly accumulate?: number;
  /** By label. Default: 1 each. See `resolveClassWeights`. */
  readonly classWeights?: Float32Array;
  /** The first step; default 0. */
  readonly from?: number;
  /** The step after the last. */
  readonly to: number;
}

/** Steps of an epoch; the last one is smaller where the pictures do not fill it. */
export function stepsPerEpoch(pictures: number, batchSize: number, accumulate = 1): number {
  return Math.ceil(pictures / (batchSize * accumulate));
}

const limitModule = (module: PictureModule, original: (index: number) => number): PictureModule => ({
  url: module.url,
  key: (index) => module.key(original(index)),
});

/**
 * The part of a split that a limit leaves: the first `limit` pictures of a shuffle by the seed, in the split's order. The
 * same seed gives the same pictures, and a larger limit those of a smaller one and more. Without a limit, or with one
 * that is not below the number of pictures, the split itself.
 */
export function limitSplit(split: Split, limit: number | undefined, seed: number): Split {
  const count = split.labels.length;
  if (limit === undefined || limit >= count) return split;
  const kept = shuffled(count, createRandom(seed, stream.limit)).slice(0, limit).sort();
  const original = (index: number): number => {
    if (index in kept) return kept[index]!;
    throw new DataError('data/no-picture', `There is no picture ${index}: this split is limited to 0 to ${limit - 1}.`);
  };
  return {
    labels: Int32Array.from(kept, (index) => split.labels[index]!),
    id: (index) => split.id(original(index)),
    read: async (index) => split.read(original(index)),
    ...(split.module && { module: limitModule(split.module, original) }),
  };
}

const labelsAt = (split: Split, indices: Uint32Array): Int32Array =>
  Int32Array.from(indices, (index) => split.labels[index]!);

const preparationOf = ({ size, preprocessing, workers }: BatchOptions): Preparation => ({
  size,
  preprocessing,
  ...(workers !== undefined && { workers }),
});

/** Batches that are prepared ahead: threads need more than one, or those that are done with it would wait for the slowest. */
const aheadOf = (options: BatchOptions): number => options.prefetch ?? (threadsFor(options) ? 2 : 1);

/**
 * The batches of steps `from` to below `to`, `accumulate` for each step: each epoch every picture once, in an order of its own. What a step gets
 * depends on the seed and the step alone (the order on the epoch, a picture's augmentation on epoch and picture, dropout
 * on the step), so a run goes on from any step as if it had never stopped.
 */
export async function* trainingBatches(split: Split, options: TrainingBatchOptions): AsyncGenerator<TrainingBatch> {
  const { batchSize = 32, accumulate = 1, features, classWeights, seed, from = 0, to } = options;
  const preparation = preparationOf(options);
  const count = split.labels.length;
  const steps = stepsPerEpoch(count, batchSize, accumulate);
  const epochBatches = stepsPerEpoch(count, batchSize);
  const firstBatch = (step: number) => Math.floor(step / steps) * epochBatches + (step % steps) * accumulate;
  let order: { epoch: number; indices: Uint32Array } = { epoch: -1, indices: new Uint32Array() };
  yield* prefetched(firstBatch(from), firstBatch(to), aheadOf(options), async (place) => {
    const epoch = Math.floor(place / epochBatches);
    const batch = place % epochBatches;
    const step = epoch * steps + Math.floor(batch / accumulate);
    if (order.epoch !== epoch) order = { epoch, indices: shuffled(count, createRandom(seed, stream.order, epoch)) };
    const indices = order.indices.slice(batch * batchSize, (batch + 1) * batchSize);
    const stepStart = (step % steps) * accumulate * batchSize;
    const stepPictures = Math.min(accumulate * batchSize, count - stepStart);
    const labels = labelsAt(split, indices);
    const weights = Float32Array.from(labels, (label) => (classWeights?.[label] ?? 1) / stepPictures);
    const inputs = await (features?.read(indices) ??
      readPictures(split, indices, { ...preparation, chance: { seed, epoch } }));
    const dropoutSeed = createRandom(seed, stream.dropout, place).below(2 ** 32);
    const endsStep = place + 1 === firstBatch(step + 1);
    return { inputs, labels, weights, indices, step, epoch, endsStep, seed: dropoutSeed };
  });
}

/** Every picture of a split once, in its order, prepared for evaluation. */
export async function* evaluationBatches(split: Split, options: BatchOptions): AsyncGenerator<PictureBatch> {
  const { batchSize = 32, features } = options;
  const preparation = preparationOf(options);
  const count = split.labels.length;
  yield* prefetched(0, stepsPerEpoch(count, batchSize), aheadOf(options), async (place) => {
    const start = place * batchSize;
    const indices = Uint32Array.from({ length: Math.min(batchSize, count - start) }, (_, at) => start + at);
    const inputs = await (features?.read(indices) ?? readPictures(split, indices, preparation));
    return { inputs, labels: labelsAt(split, indices), indices };
  });
}
