import {
  DataError,
  type Image,
  type ImageModule,
  type ImageSource,
  type MaskSplit,
  type Split,
  voidLabel,
} from '@graftjs/core';
import { countOf } from './check-inputs.js';
import type { ImageWorkers } from './image-workers.js';
import { type PlannedBatch, type PlanOptions, planBatches, stepsPerEpoch } from './plan-batches.js';
import { prefetched } from './prefetched.js';
import { createRandom, shuffled } from './random.js';
import { type MaskPreparation, type Preparation, readImages, readMaskedImages, threadsFor } from './read-images.js';
import { stream } from './streams.js';

/** Images ready for a network, and their classes. */
export interface ImageBatch {
  /** NHWC bytes, `labels.length * size * size * 3`; or features, where the batches are made of those. */
  readonly inputs: Uint8Array | Float32Array;
  readonly labels: Int32Array;
  /** Which images of the split these are. */
  readonly indices: Uint32Array;
}

/** A step's batch, or one of those whose gradients it accumulates. */
export interface TrainingBatch extends ImageBatch, PlannedBatch {
  /** How much each image counts in the step's loss: its class's weight / the number of images of the step. */
  readonly weights: Float32Array;
}

/** A batch of training for segmentation. */
export interface MaskTrainingBatch extends PlannedBatch {
  /** NHWC bytes, `indices.length * size * size * 3`; or features, where the batches are made of those. */
  readonly inputs: Uint8Array | Float32Array;
  /** What each pixel shows: `indices.length * size * size` labels, void among them. */
  readonly masks: Uint8Array;
  /**
   * How much a pixel of each class counts in the step's loss: the class's weight / the number of labelled pixels of the step. A
   * step without any has a loss of 0.
   */
  readonly classWeights: Float32Array;
}

/** What a split's images give at the end of a frozen prefix. */
export interface FeatureSource {
  /** Of the images at `indices`, one after the other. */
  read(indices: Uint32Array): Promise<Float32Array>;
}

/** How images become batches. */
export interface BatchOptions extends Omit<Preparation, 'chance'> {
  /** Default 32. */
  readonly batchSize?: number;
  /**
   * Who reads and prepares the images: this thread, with so many read at the same time, or worker threads
   * (`startImageWorkers` of `@graftjs/trainer/node`). A preprocessing that is not Graft's own and names no `module` runs on
   * this thread even so. The batches are the same, bit by bit. Default 8.
   */
  readonly workers?: number | ImageWorkers;
  /**
   * Batches that are prepared ahead of the one that is worked on: as many more are in memory. Default 1, and 2 with worker
   * threads.
   */
  readonly prefetch?: number;
  /** What is given instead of the images: then neither size nor preprocessing matter. */
  readonly features?: FeatureSource;
}

/** Which steps of a run to give batches for. */
export interface TrainingBatchOptions extends BatchOptions, PlanOptions {
  /** By label. Default: 1 each. See `resolveClassWeights`. */
  readonly classWeights?: Float32Array;
}

/** The same for images with masks. */
export interface MaskTrainingBatchOptions
  extends Omit<MaskPreparation, 'chance'>,
    PlanOptions,
    Pick<BatchOptions, 'prefetch' | 'features'> {
  /** How many classes there are. */
  readonly classes: number;
  /** Of a pixel, by label. Default: 1 each. See `resolvePixelWeights`. */
  readonly classWeights?: Float32Array;
}

const limitModule = (module: ImageModule, original: (index: number) => number): ImageModule => ({
  url: module.url,
  key: (index) => module.key(original(index)),
});

/**
 * The part of a split that a limit leaves: the first `limit` images of a shuffle by the seed, in the split's order. The
 * same seed gives the same images, and a larger limit those of a smaller one and more. Without a limit, or with one
 * that is not below the number of images, the split itself.
 */
export function limitSplit<S extends Split | MaskSplit>(split: S, limit: number | undefined, seed: number): S;
export function limitSplit(split: Split | MaskSplit, limit: number | undefined, seed: number): Split | MaskSplit {
  const count = countOf(split);
  if (limit === undefined || limit >= count) return split;
  const kept = shuffled(count, createRandom(seed, stream.limit)).slice(0, limit).sort();
  const original = (index: number): number => {
    if (index in kept) return kept[index]!;
    throw new DataError('data/no-image', `There is no image ${index}: this split is limited to 0 to ${limit - 1}.`);
  };
  const limited = <P extends Image>(source: ImageSource<P>): ImageSource<P> => ({
    id: (index) => source.id(original(index)),
    read: async (index) => source.read(original(index)),
    ...(source.module && { module: limitModule(source.module, original) }),
  });
  if ('labels' in split) return { ...limited(split), labels: Int32Array.from(kept, (index) => split.labels[index]!) };
  return { ...limited(split), count: limit, size: (index) => split.size(original(index)) };
}

const labelsAt = (split: Split, indices: Uint32Array): Int32Array =>
  Int32Array.from(indices, (index) => split.labels[index]!);

const preparationOf = ({ size, preprocessing, workers }: BatchOptions): Preparation => ({
  size,
  preprocessing,
  ...(workers !== undefined && { workers }),
});

/** Batches that are prepared ahead: threads need more than one, or those that are done with it would wait for the slowest. */
const aheadOf = (options: Parameters<typeof threadsFor>[0] & Pick<BatchOptions, 'prefetch'>): number =>
  options.prefetch ?? (threadsFor(options) ? 2 : 1);

/**
 * The batches of steps `from` to below `to`, `accumulate` for each step: each epoch every image once, in an order of its own. What a step gets
 * depends on the seed and the step alone (the order on the epoch, an image's augmentation on epoch and image, dropout
 * on the step), so a run goes on from any step as if it had never stopped.
 */
export async function* trainingBatches(split: Split, options: TrainingBatchOptions): AsyncGenerator<TrainingBatch> {
  const { features, classWeights, seed } = options;
  const preparation = preparationOf(options);
  const plan = planBatches(split.labels.length, options);
  yield* prefetched(plan.from, plan.to, aheadOf(options), async (place) => {
    const planned = plan.at(place);
    const { indices, epoch, step } = planned;
    const labels = labelsAt(split, indices);
    const stepImages = plan.stepImages(step);
    const weights = Float32Array.from(labels, (label) => (classWeights?.[label] ?? 1) / stepImages);
    const inputs = await (features?.read(indices) ??
      readImages(split, indices, { ...preparation, chance: { seed, epoch } }));
    return { ...planned, inputs, labels, weights };
  });
}

function labelledPixels(masks: Uint8Array): number {
  let count = 0;
  for (const label of masks) if (label !== voidLabel) count++;
  return count;
}

/**
 * The same for images with masks. The batches of a step come when all of them are read, since the loss of each depends on how
 * many pixels of the step are labelled.
 */
export async function* maskTrainingBatches(
  split: MaskSplit,
  options: MaskTrainingBatchOptions,
): AsyncGenerator<MaskTrainingBatch> {
  const { size, preprocessing, workers, seed, features, classes } = options;
  const weights = options.classWeights ?? new Float32Array(classes).fill(1);
  const plan = planBatches(split.count, options);
  let step: Omit<MaskTrainingBatch, 'classWeights'>[] = [];
  let labelled = 0;
  for await (const batch of prefetched(plan.from, plan.to, aheadOf(options), async (place) => {
    const planned = plan.at(place);
    const chance = { seed, epoch: planned.epoch };
    const preparation = { size, preprocessing, chance, ...(workers !== undefined && { workers }) };
    const { inputs, masks } = await readMaskedImages(split, planned.indices, preparation);
    return { ...planned, inputs: (await features?.read(planned.indices)) ?? inputs, masks };
  })) {
    step.push(batch);
    labelled += labelledPixels(batch.masks);
    if (!batch.endsStep) continue;
    const classWeights = weights.map((weight) => weight / Math.max(labelled, 1));
    for (const one of step) yield { ...one, classWeights };
    step = [];
    labelled = 0;
  }
}

/** Every image of a split once, in its order, prepared for evaluation. */
export async function* evaluationBatches(split: Split, options: BatchOptions): AsyncGenerator<ImageBatch> {
  const { batchSize = 32, features } = options;
  const preparation = preparationOf(options);
  const count = split.labels.length;
  yield* prefetched(0, stepsPerEpoch(count, batchSize), aheadOf(options), async (place) => {
    const start = place * batchSize;
    const indices = Uint32Array.from({ length: Math.min(batchSize, count - start) }, (_, at) => start + at);
    const inputs = await (features?.read(indices) ?? readImages(split, indices, preparation));
    return { inputs, labels: labelsAt(split, indices), indices };
  });
}
