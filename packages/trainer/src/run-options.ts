import type { FileSystem } from '@graftjs/core';
import type { RunEvent } from './events.js';
import type { FeatureCacheOptions } from './feature-cache.js';

/** What a run needs of its surroundings. */
export interface RunOptions {
  readonly files: FileSystem;
  /**
   * Where to keep what a frozen part of the network makes of the pictures, so that it is computed once and not in every
   * epoch. Default: nowhere.
   */
  readonly features?: FeatureCacheOptions;
  /** Called as the run goes on; it must not throw. */
  readonly onEvent?: (event: RunEvent) => void;
  /** Stops the run after the running step, with a checkpoint to resume from. */
  readonly signal?: AbortSignal;
}
