import type { ExportImages } from './export-images.js';
import type { ImageWorkers } from './image-workers.js';
import type { Watching } from './run-task.js';

/** What an export is at, in the order that it comes in. */
export type ExportStage = 'running the network' | 'finding ranges' | 'evaluating' | 'comparing' | 'evaluating the file';

/** How an export goes over images. */
export interface StageOptions {
  /** See `BatchOptions`. */
  readonly workers?: number | ImageWorkers;
  /** Ends it before the next batch; nothing is written then. */
  readonly signal?: AbortSignal;
  /** Called after each batch of a stage. */
  readonly onProgress?: (stage: ExportStage, done: number, count: number) => void;
}

/** How one stage is watched. */
export function watchingOf({ signal, onProgress }: StageOptions, stage: ExportStage): Watching {
  return {
    ...(signal && { signal }),
    ...(onProgress && { onProgress: (done: number, count: number) => onProgress(stage, done, count) }),
  };
}

/** What `predict` gives for each batch of the images. */
export async function predictAll<T>(
  predict: (inputs: Uint8Array, count: number) => Promise<T>,
  images: ExportImages,
  batchSize: number,
  { signal, onProgress }: Watching,
): Promise<T[]> {
  const all: T[] = [];
  let done = 0;
  for await (const { inputs, count } of images.batches(batchSize)) {
    signal?.throwIfAborted();
    all.push(await predict(inputs, count));
    done += count;
    onProgress?.(done, images.count);
  }
  return all;
}
