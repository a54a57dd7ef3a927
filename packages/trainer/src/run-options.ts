import type { FileSystem } from '@graftjs/core';
import type { RunEvent } from './events.js';
import type { FeatureCacheOptions } from './feature-cache.js';
import type { ImageWorkers } from './image-workers.js';

/** What a run needs of its surroundings. */
export interface RunOptions {
  readonly files: FileSystem;
  /**
   * Where to keep what a frozen part of the network makes of the images, so that it is computed once and not in every
   * epoch. Default: nowhere.
   */
  readonly features?: FeatureCacheOptions;
  /**
   * Starts the threads that decode and prepare images, `workers` of the config: `startImageWorkers` of
   * `@graftjs/trainer/node`. Default: the calling thread does it.
   */
  readonly startWorkers?: (count?: number) => ImageWorkers;
  /**
   * Bytes that the process may still take: a run that would take more, by its engine's reckoning, is refused before it starts.
   * Default: no limit.
   */
  readonly availableMemory?: number;
  /** Called as the run goes on; it must not throw. */
  readonly onEvent?: (event: RunEvent) => void;
  /** Stops the run after the running step, with a checkpoint to resume from. */
  readonly signal?: AbortSignal;
}

/** What resuming a run may be told besides. */
export interface ResumeOptions extends RunOptions {
  /** Where it goes on from now on, if not where it was: a name alone stands for that engine's first device. */
  readonly engine?: { readonly name?: string; readonly device?: string };
}
