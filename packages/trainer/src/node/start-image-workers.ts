import { availableParallelism } from 'node:os';
import { type Image, type MaskedImage, RunError, UsageError } from '@graftjs/core';
import { ArrayTaskQueue, Piscina } from 'piscina';
import type { ImageJob, ImageWorkers } from '../image-workers.js';
import { type ErrorMessage, fromErrorMessage } from './error-message.js';

/** More threads are of little use: the decoding of all of them shares the four threads of libuv. */
const mostByDefault = 8;

/** The memory of a decoded image, and of its mask if it has one. */
function buffersOf(image: Image | MaskedImage): ArrayBuffer[] {
  const arrays = 'mask' in image ? [image.data, image.mask] : [image.data];
  return arrays.map(({ buffer }) => buffer as ArrayBuffer);
}

/**
 * Worker threads that decode and prepare images; one starts when there is work for it, and none keeps the process alive.
 * A thread that ends takes all of them with it: what is underway fails, and so does whatever comes later.
 * @param count how many there may be; default: as many as there are cores, at most 8
 * @throws UsageError `usage/workers` for a count that is no whole number from 1 up
 */
export function startImageWorkers(count = Math.min(availableParallelism(), mostByDefault)): ImageWorkers {
  if (!Number.isSafeInteger(count) || count < 1) {
    throw new UsageError('usage/workers', `${count} threads cannot be started; accepted are whole numbers from 1 up.`, {
      details: { received: count },
    });
  }
  const queue = new ArrayTaskQueue();
  const pool = new Piscina({
    filename: new URL('./image-thread-entry.cjs', import.meta.url).href,
    minThreads: 0,
    maxThreads: count,
    idleTimeout: Number.POSITIVE_INFINITY,
    // A thread that waits in Atomics could not decode anything.
    atomics: 'disabled',
    // While one job is prepared, the first images of the next are decoded, off the thread.
    concurrentTasksPerWorker: 2,
    recordTiming: false,
    taskQueue: queue,
    stricterFIFO: true,
  });
  let end: RunError | undefined;
  /** Why nothing is prepared any more; the first reason counts. */
  const endFor = (message: string, cause?: unknown): RunError => {
    end ??= new RunError('run/image-workers', message, cause === undefined ? {} : { cause });
    return end;
  };
  const endByFailure = (cause: unknown): RunError =>
    endFor(
      `The threads that prepare images cannot go on: ${(cause as Error).message}. ` +
        'Fewer of them (--workers) take less memory; with 0 the main thread prepares the images.',
      cause,
    );
  const fail = (cause: unknown): never => {
    const error = endByFailure(cause);
    void pool.destroy();
    throw error;
  };
  /** @throws RunError at once where the thread for a job cannot be made */
  const start = (job: ImageJob): Promise<Uint8Array | ErrorMessage> => {
    const transferList = 'url' in job.images ? [] : job.images.flatMap(buffersOf);
    try {
      return pool.run(job, { transferList });
    } catch (cause) {
      // Left there, its promise, which nobody has, would be rejected in the end, and that ends the process.
      queue.tasks.pop();
      return fail(cause);
    }
  };
  // A thread that ends without a job; the next one is told.
  pool.on('error', endByFailure);
  return {
    count,
    async prepare(job: ImageJob) {
      if (end) throw end;
      const result = await start(job).catch(fail);
      if (result instanceof Uint8Array) return result;
      throw fromErrorMessage(result);
    },
    async close() {
      endFor('The threads that prepare images were closed.');
      await pool.destroy();
    },
  };
}
