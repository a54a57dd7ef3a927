import { createRandom, shuffled } from './random.js';
import { stream } from './streams.js';

/** Which steps of a run to give batches for, and how large they are. */
export interface PlanOptions {
  /** Default 32. */
  readonly batchSize?: number;
  readonly seed: number;
  /** Batches of a step, whose images are those of one batch so many times as large. Default 1. */
  readonly accumulate?: number;
  /** The first step; default 0. */
  readonly from?: number;
  /** The step after the last. */
  readonly to: number;
}

/** A batch of training before its images are read. */
export interface PlannedBatch {
  /** Which images of the split these are. */
  readonly indices: Uint32Array;
  /** Updates before it. */
  readonly step: number;
  readonly epoch: number;
  /** Whether the update comes after it. */
  readonly endsStep: boolean;
  /** For dropout. */
  readonly seed: number;
}

/** Steps of an epoch; the last one is smaller where the images do not fill it. */
export function stepsPerEpoch(images: number, batchSize: number, accumulate = 1): number {
  return Math.ceil(images / (batchSize * accumulate));
}

/**
 * The batches of steps `from` to below `to`, `accumulate` for each step: each epoch every one of `count` images once, in an
 * order of its own. What a step gets depends on the seed and the step alone, so a run goes on from any step as if it had
 * never stopped.
 * @returns which places in the run's sequence of batches are wanted, what is at each, and how many images its step has
 */
export function planBatches(count: number, { batchSize = 32, accumulate = 1, seed, from = 0, to }: PlanOptions) {
  const steps = stepsPerEpoch(count, batchSize, accumulate);
  const epochBatches = stepsPerEpoch(count, batchSize);
  const firstBatch = (step: number) => Math.floor(step / steps) * epochBatches + (step % steps) * accumulate;
  let order: { epoch: number; indices: Uint32Array } = { epoch: -1, indices: new Uint32Array() };
  return {
    from: firstBatch(from),
    to: firstBatch(to),
    at(place: number): PlannedBatch {
      const epoch = Math.floor(place / epochBatches);
      const batch = place % epochBatches;
      const step = epoch * steps + Math.floor(batch / accumulate);
      if (order.epoch !== epoch) order = { epoch, indices: shuffled(count, createRandom(seed, stream.order, epoch)) };
      return {
        indices: order.indices.slice(batch * batchSize, (batch + 1) * batchSize),
        step,
        epoch,
        endsStep: place + 1 === firstBatch(step + 1),
        seed: createRandom(seed, stream.dropout, place).below(2 ** 32),
      };
    },
    stepImages: (step: number): number =>
      Math.min(accumulate * batchSize, count - (step % steps) * accumulate * batchSize),
  };
}
