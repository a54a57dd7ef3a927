import type { Graph, Split } from '@graftjs/core';
import { evaluationBatches } from './batches.js';
import { pictureSize } from './check-inputs.js';
import type { EvaluateOptions } from './evaluate.js';
import type { OpenRun } from './open-run.js';
import type { PictureWorkers } from './picture-workers.js';

/** What an export is at, in the order that it comes in. */
export type ExportStage = 'running the network' | 'finding ranges' | 'evaluating' | 'comparing' | 'evaluating the file';

/** How an export goes over pictures. */
export interface StageOptions {
  /** See `BatchOptions`. */
  readonly workers?: number | PictureWorkers;
  /** Ends it before the next batch; nothing is written then. */
  readonly signal?: AbortSignal;
  /** Called after each batch of a stage. */
  readonly onProgress?: (stage: ExportStage, done: number, count: number) => void;
}

/** What one stage takes of them. */
export function stageOptions(run: OpenRun, { workers, signal, onProgress }: StageOptions, stage: ExportStage) {
  return {
    preprocessing: run.preprocessing,
    batchSize: run.config.batchSize,
    ...(workers !== undefined && { workers }),
    ...(signal && { signal }),
    ...(onProgress && { onProgress: (done: number, count: number) => onProgress(stage, done, count) }),
  } satisfies EvaluateOptions;
}

/** What `predict` gives for every picture of a split, one after the other. */
export async function predictAll(
  graph: Graph,
  predict: (inputs: Uint8Array, count: number) => Promise<Float32Array>,
  split: Split,
  classes: number,
  { signal, onProgress, ...batching }: EvaluateOptions,
): Promise<Float32Array> {
  const count = split.labels.length;
  const all = new Float32Array(count * classes);
  let done = 0;
  for await (const { inputs, labels } of evaluationBatches(split, { ...batching, size: pictureSize(graph) })) {
    signal?.throwIfAborted();
    all.set(await predict(inputs as Uint8Array, labels.length), done * classes);
    done += labels.length;
    onProgress?.(done, count);
  }
  return all;
}
