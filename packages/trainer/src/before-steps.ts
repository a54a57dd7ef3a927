import { type Preprocessing, RunError } from '@graftjs/core';
import { type FeatureSource, trainingBatches } from './batches.js';
import { pictureSize } from './check-inputs.js';
import type { FeatureCache } from './feature-cache.js';
import type { PictureWorkers } from './picture-workers.js';
import { stepsPerEpoch } from './plan-batches.js';
import { recalibrationBatches } from './recalibrate.js';
import type { RunFolder } from './run-folder.js';
import type { RunOptions } from './run-options.js';
import type { RunDataset } from './run-parts.js';
import type { RunSessions } from './run-sessions.js';

/** Does work before the first step that a signal may end. */
async function beforeSteps<T>(run: RunFolder, { signal }: RunOptions, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!signal?.aborted) throw cause;
    const message = `Stopped before a step was done. Go on with: graft finetune --resume ${run.path}`;
    throw new RunError('run/aborted', message, { cause, details: { run: run.path } });
  }
}

/** Has batch normalization meet the pictures of the first epoch, as it will in training, where the run wants that. */
export function recalibrateRun(
  { run, sessions, workers }: { run: RunFolder; sessions: RunSessions; workers: number | PictureWorkers | undefined },
  preprocessing: Preprocessing,
  { splits: { train } }: RunDataset,
  options: RunOptions,
): Promise<void> {
  return beforeSteps(run, options, async () => {
    const { batchSize, seed } = run.record;
    const to = Math.min(recalibrationBatches, stepsPerEpoch(train.labels.length, batchSize));
    const count = Math.min(to * batchSize, train.labels.length);
    const size = pictureSize(sessions.weights.graph);
    const reading = { size, preprocessing, batchSize, seed, to, ...(workers !== undefined && { workers }) };
    async function* batches() {
      for await (const batch of trainingBatches(train, reading)) {
        options.signal?.throwIfAborted();
        yield batch;
      }
    }
    await sessions.recalibrate?.(batches(), (done) => options.onEvent?.({ type: 'recalibrating', done, count }));
  });
}

/** What the frozen part gives of both splits, computed where it is not known yet. */
export async function prepareFeatures(
  { run, cache }: { run: RunFolder; cache: FeatureCache },
  { splits }: RunDataset,
  options: RunOptions,
): Promise<{ train: FeatureSource; test: FeatureSource }> {
  const { onEvent, signal } = options;
  const prepare = (name: 'train' | 'test') => {
    const count = splits[name].labels.length;
    const onProgress = (done: number) => onEvent?.({ type: 'features', split: name, done, count });
    return cache.prepare(splits[name], { onProgress, ...(signal && { signal }) });
  };
  return beforeSteps(run, options, async () => ({ train: await prepare('train'), test: await prepare('test') }));
}
