import type { Image } from '@graftjs/core';
import type { Chance } from './preprocessing/prepare-image.js';
import type { PreprocessingAddress } from './preprocessing/preprocessing-address.js';

/** Images to be prepared in a thread of their own; all of it can be posted there. */
export interface ImageJob {
  /** Which images of the split these are. */
  readonly indices: Uint32Array;
  /** Height and width of the network's input. */
  readonly size: number;
  readonly preprocessing: PreprocessingAddress;
  /** For training; without it the images are prepared for evaluation. */
  readonly chance?: Chance;
  /** Whether the images have masks, and `preprocessing` is one for those. Default false. */
  readonly masked?: boolean;
  /**
   * One for each index: decoded images, whose memory goes over to the thread, or keys for the `readImage` that the
   * module at a URL exports.
   */
  readonly images: readonly Image[] | { readonly url: string; readonly keys: readonly unknown[] };
}

/** Threads that decode and prepare images, so that the calling one is free. See `startImageWorkers` in `@graftjs/trainer/node`. */
export interface ImageWorkers {
  /** How many threads there may be. */
  readonly count: number;
  /**
   * @returns the images of a job, one after the other, `size * size * 3` bytes each; and after all of them their masks, if
   * the job has those, of `size * size` bytes each
   * @throws what reading or preparing throws, with its class, fields and cause; RunError `run/image-workers` where a thread
   * ends or the workers are closed
   */
  prepare(job: ImageJob): Promise<Uint8Array>;
  /** Ends the threads. */
  close(): Promise<void>;
}
