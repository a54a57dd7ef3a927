import type { GraftError, Graph, Normalization, OpenDataset, RestoreRow } from '@graftjs/core';
import type { ModeComparison } from './compare-modes.js';
import type { RunRecord } from './run-config.js';
import type { RunEvaluation } from './run-task.js';
import type { Translation } from './translate-names.js';

/** A frozen part of the network from the images on, which need not be computed in every step. */
export interface FrozenPrefix {
  /** The end point, or node, that it ends in. */
  readonly output: string;
  /** What its features take on disk, for the images of both splits. */
  readonly bytes: number;
  /** Why they are computed in every step after all. */
  readonly reason?: string;
}

/** What a run tells while it goes on: `stage`, `restored` and `unreadable` come before `start`, all others after it. */
export type RunEvent =
  /** A stage of several begins, which is a run of its own. */
  | {
      readonly type: 'stage';
      readonly model: string;
      /** From 0 up. */
      readonly index: number;
      readonly count: number;
    }
  /** The plan of what the weights are restored from, before it is done: a row for each variable. */
  | {
      readonly type: 'restored';
      readonly path: string;
      readonly rows: readonly RestoreRow[];
      /** How the checkpoint's names became the graph's. */
      readonly translation: Translation;
      /** What images are normalized by, where the checkpoint's source does it otherwise than the backbone. */
      readonly normalization?: Normalization;
    }
  /** A newer checkpoint of the resumed run could not be read; an older one takes its place. */
  | { readonly type: 'unreadable'; readonly path: string; readonly error: GraftError }
  | {
      readonly type: 'start';
      readonly folder: string;
      readonly config: RunRecord;
      readonly graph: Graph;
      /** Updates that are done already: 0, or where the run was resumed. */
      readonly step: number;
      readonly totalSteps: number;
      readonly stepsPerEpoch: number;
      /** Images. */
      readonly counts: { readonly train: number; readonly test: number };
      readonly skipped: OpenDataset['skipped'];
    }
  /** The network begins with a frozen part, and what it gives is computed once an image, or why not. After `start`. */
  | ({ readonly type: 'frozen' } & FrozenPrefix)
  /** Batch normalization's statistics are computed anew, before the first step. */
  | { readonly type: 'recalibrating'; readonly done: number; readonly count: number }
  /** The pixels of the classes are counted, for their weights. */
  | { readonly type: 'counting'; readonly done: number; readonly count: number }
  /** The features of that part, as they are computed or found. */
  | { readonly type: 'features'; readonly split: 'train' | 'test'; readonly done: number; readonly count: number }
  | {
      readonly type: 'step';
      /** Updates done, this one included. */
      readonly step: number;
      readonly totalSteps: number;
      /** 1 for the first. */
      readonly epoch: number;
      /** Softmax cross-entropy, the mean over the step's images or labelled pixels, with class weights and smoothed labels. */
      readonly loss: number;
      /** With the losses of auxiliary outputs and weight decay. */
      readonly totalLoss: number;
      readonly learningRate: number;
      /** From the wait for the first batch to the end of the update. */
      readonly imagesPerSecond: number;
    }
  /** The network takes nearly all pixels of other classes for this one; looked for every 50 steps. */
  | { readonly type: 'stalled'; readonly step: number; readonly epoch: number; readonly class: string }
  /** An evaluation's progress, after each batch or image. */
  | { readonly type: 'evaluating'; readonly step: number; readonly done: number; readonly count: number }
  | {
      readonly type: 'evaluation';
      readonly step: number;
      readonly epoch: number;
      readonly result: RunEvaluation;
      /** Where training normalizes by the batch: whether that and use come to the same, on the last step's images. */
      readonly modes?: ModeComparison;
      /** Whether it is better than all before it. */
      readonly best: boolean;
    }
  | { readonly type: 'saved'; readonly step: number; readonly path: string }
  | {
      readonly type: 'stopped';
      readonly step: number;
      /** `early`: by `earlyStop`. `aborted`: by the signal; the run can be resumed. */
      readonly reason: 'finished' | 'early' | 'aborted';
      /** The step of the weights that are the run's result, where it chooses the best. */
      readonly bestStep?: number;
    };
