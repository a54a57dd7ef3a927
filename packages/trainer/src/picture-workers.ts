import type { Picture } from '@graftjs/core';
import type { Chance } from './preprocessing/prepare-picture.js';
import type { PreprocessingAddress } from './preprocessing/preprocessing-address.js';

/** Pictures to be prepared in a thread of their own; all of it can be posted there. */
export interface PictureJob {
  /** Which pictures of the split these are. */
  readonly indices: Uint32Array;
  /** Height and width of the network's input. */
  readonly size: number;
  readonly preprocessing: PreprocessingAddress;
  /** For training; without it the pictures are prepared for evaluation. */
  readonly chance?: Chance;
  /** Whether the pictures have masks, and `preprocessing` is one for those. Default false. */
  readonly masked?: boolean;
  /**
   * One for each index: decoded pictures, whose memory goes over to the thread, or keys for the `readPicture` that the
   * module at a URL exports.
   */
  readonly pictures: readonly Picture[] | { readonly url: string; readonly keys: readonly unknown[] };
}

/** Threads that decode and prepare pictures, so that the calling one is free. See `startPictureWorkers` in `@graftjs/trainer/node`. */
export interface PictureWorkers {
  /** How many threads there may be. */
  readonly count: number;
  /**
   * @returns the pictures of a job, one after the other, `size * size * 3` bytes each; and after all of them their masks, if
   * the job has those, of `size * size` bytes each
   * @throws what reading or preparing throws, with its class, fields and cause; RunError `run/picture-workers` where a thread
   * ends or the workers are closed
   */
  prepare(job: PictureJob): Promise<Uint8Array>;
  /** Ends the threads. */
  close(): Promise<void>;
}
