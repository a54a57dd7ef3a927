import { RunError } from '@graftjs/core';
import type { FeatureSource } from './batches.js';
import type { FeatureCache, PreparedSplit } from './feature-cache.js';
import { stepsPerEpoch } from './plan-batches.js';
import { recalibrationBatches } from './recalibrate.js';
import type { RunFolder } from './run-folder.js';
import type { RunOptions } from './run-options.js';
import type { RunSessions } from './run-sessions.js';
import type { RunTask } from './run-task.js';

/** Does work before the first step that a signal may end. */
async function beforeSteps<T>(run: RunFolder, { signal }: RunOptions, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!signal?.aborted) throw cause;
    const message = `Stopped before a step was done. Go on with: ${run.resumption}`;
    throw new RunError('run/aborted', message, { cause, details: { run: run.path } });
  }
}

/** Has batch normalization meet the images of the first epoch, as it will in training, where the run wants that. */
export function recalibrateRun(
  { run, sessions }: { run: RunFolder; sessions: RunSessions },
  task: RunTask,
  options: RunOptions,
): Promise<void> {
  return beforeSteps(run, options, async () => {
    const { batchSize, seed } = run.record;
    const { train } = task.counts;
    const to = Math.min(recalibrationBatches, stepsPerEpoch(train, batchSize));
    const count = Math.min(to * batchSize, train);
    async function* batches() {
      for await (const batch of task.batches({ batchSize, seed, to })) {
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
  task: RunTask,
  options: RunOptions,
): Promise<{ train: FeatureSource; test?: FeatureSource }> {
  const { onEvent, signal } = options;
  const prepare = (name: 'train' | 'test', images: PreparedSplit) => {
    const { count } = images;
    const onProgress = (done: number) => onEvent?.({ type: 'features', split: name, done, count });
    return cache.prepare(images, { onProgress, ...(signal && { signal }) });
  };
  return beforeSteps(run, options, async () => {
    const { train, test } = task.prepared;
    return { train: await prepare('train', train), ...(test && { test: await prepare('test', test) }) };
  });
}

/** What the steps need to know of the whole of `train`. */
export function prepareTask(run: RunFolder, task: RunTask, options: RunOptions): Promise<void> {
  const { onEvent, signal } = options;
  const onProgress = (done: number, count: number) => onEvent?.({ type: 'counting', done, count });
  return beforeSteps(run, options, async () => task.prepare?.({ onProgress, ...(signal && { signal }) }));
}
