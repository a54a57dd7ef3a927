import type { Batch, MaskBatch, Session } from '@graftjs/core';
import type { FeatureSource } from './batches.js';
import type { ModeComparer } from './compare-modes.js';
import type { PreparedSplit } from './feature-cache.js';
import type { Evaluation, Scores } from './metrics.js';
import type { PlannedBatch, PlanOptions } from './plan-batches.js';
import type { MaskScores, SegmentationScores } from './segmentation-metrics.js';
import type { Weights } from './weights.js';

/** What a training session takes, and where in the run it belongs. */
export type StepBatch = PlannedBatch & (Batch | MaskBatch);

/** How well a network does on a split: by classes of images, or of pixels. */
export type RunEvaluation = Evaluation | SegmentationScores;

/** What is kept of an evaluation. */
export type RunScores = Scores | MaskScores;

/** What evaluations take that look at whole images, whatever the batch. */
export interface EvaluationMemory {
  /** At the most, beside the session that trains. */
  readonly bytes: number;
  /** The largest image as the network gets it, in pixels. */
  readonly height: number;
  readonly width: number;
}

/** What is watched over long work. */
export interface Watching {
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, count: number) => void;
}

/**
 * What a run learns from its data set: what a step gets, and how the result is measured. There is one for a class an image and one
 * for a class a pixel.
 */
export interface RunTask<B extends StepBatch = StepBatch> {
  /** Images. */
  readonly counts: { readonly train: number; readonly test: number };
  /** Whatever the steps need to know of the whole of `train`. Absent where it is nothing. */
  prepare?(watching: Watching): Promise<void>;
  /** As a frozen part of the network takes them; `test` where `evaluate` can do with what that gives. */
  readonly prepared: { readonly train: PreparedSplit; readonly test?: PreparedSplit };
  /** @param features what the session takes instead of images */
  batches(plan: PlanOptions & { readonly features?: FeatureSource }): AsyncGenerator<B>;
  /** Adds the losses of a batch's images in training and in use. */
  compareModes(comparer: ModeComparer, batch: B, training: Float32Array, inference: Float32Array): void;
  /** The class that the logits of a batch have fallen to everywhere, whatever is there; where such a thing can be told. */
  collapsedTo?(batch: B, logits: Float32Array): number | undefined;
  /**
   * Where `evaluate` has sessions of its own. Absent where it goes by the session that it is given.
   * @returns undefined where the engine cannot tell
   */
  evaluationMemory?(): Promise<EvaluationMemory | undefined>;
  /**
   * Evaluates on `test`.
   * @param session holds the weights, and takes features where there are some
   * @param weights of the whole network
   */
  evaluate(
    session: Session,
    weights: Weights,
    options: Watching & { readonly features?: FeatureSource },
  ): Promise<RunEvaluation>;
}

/** What is kept of an evaluation, without what it says of single classes. */
export function scoresOf(evaluation: RunScores): RunScores {
  if ('top1' in evaluation) {
    const { count, loss, top1, top5 } = evaluation;
    return { count, loss, top1, top5 };
  }
  const { count, pixels, pixelAccuracy, meanAccuracy, meanIou, frequencyWeightedIou } = evaluation;
  return { count, pixels, pixelAccuracy, meanAccuracy, meanIou, frequencyWeightedIou };
}

/** What the best evaluation has most of: top1, or mean IoU. */
export const qualityOf = (scores: RunScores): number => ('top1' in scores ? scores.top1 : (scores.meanIou ?? 0));
