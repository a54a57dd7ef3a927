import { availableParallelism } from 'node:os';
import { type MaskedPicture, type Picture, RunError, UsageError } from '@graftjs/core';
import { threadEnvironment } from '@graftjs/core/node';
import { Piscina } from 'piscina';
import type { PictureJob, PictureWorkers } from '../picture-workers.js';
import { type ErrorMessage, fromErrorMessage } from './error-message.js';

/** More threads are of little use: the decoding of all of them shares the four threads of libuv. */
const mostByDefault = 8;

/** The memory of a decoded picture, and of its mask if it has one. */
function buffersOf(picture: Picture | MaskedPicture): ArrayBuffer[] {
  const arrays = 'mask' in picture ? [picture.data, picture.mask] : [picture.data];
  return arrays.map(({ buffer }) => buffer as ArrayBuffer);
}

/**
 * Worker threads that decode and prepare pictures; one starts when there is work for it, and none keeps the process alive.
 * A thread that ends takes all of them with it: what is underway fails, and so does whatever comes later.
 * @param count how many there may be; default: as many as there are cores, at most 8
 * @throws UsageError `usage/workers` for a count that is no whole number from 1 up
 */
export function startPictureWorkers(count = Math.min(availableParallelism(), mostByDefault)): PictureWorkers {
  if (!Number.isSafeInteger(count) || count < 1) {
    throw new UsageError('usage/workers', `${count} threads cannot be started; accepted are whole numbers from 1 up.`, {
      details: { received: count },
    });
  }
  const pool = new Piscina({
    filename: new URL('./picture-thread.js', import.meta.url).href,
    minThreads: 0,
    maxThreads: count,
    env: threadEnvironment(),
    idleTimeout: Number.POSITIVE_INFINITY,
    // A thread that waits in Atomics could not decode anything.
    atomics: 'disabled',
    // While one job is prepared, the first pictures of the next are decoded, off the thread.
    concurrentTasksPerWorker: 2,
    recordTiming: false,
    stricterFIFO: true,
  });
  let end: RunError | undefined;
  /** Why nothing is prepared any more; the first reason counts. */
  const endFor = (message: string, cause?: unknown): RunError => {
    end ??= new RunError('run/picture-workers', message, cause === undefined ? {} : { cause });
    return end;
  };
  const endByFailure = (cause: unknown): RunError =>
    endFor(
      `The threads that prepare pictures cannot go on: ${(cause as Error).message}. ` +
        'Fewer of them (--workers) take less memory; with 0 the main thread prepares the pictures.',
      cause,
    );
  // A thread that ends without a job; the next one is told.
  pool.on('error', endByFailure);
  return {
    count,
    async prepare(job: PictureJob) {
      if (end) throw end;
      const transferList = 'url' in job.pictures ? [] : job.pictures.flatMap(buffersOf);
      let result: Uint8Array | ErrorMessage;
      try {
        result = await pool.run(job, { transferList });
      } catch (cause) {
        const error = endByFailure(cause);
        void pool.destroy();
        throw error;
      }
      if (result instanceof Uint8Array) return result;
      throw fromErrorMessage(result);
    },
    async close() {
      endFor('The threads that prepare pictures were closed.');
      await pool.destroy();
    },
  };
}
