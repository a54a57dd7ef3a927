import { nodeFileSystem } from '@graftjs/core/node';
import type { OpenRunOptions } from '@graftjs/trainer';
import { type EngineOptions, engineOf } from './device-options.js';
import type { Progress } from './progress.js';
import { tellUnreadable } from './run-progress.js';

/** How a command opens a run: from disk, on the engine that its options name, telling of checkpoints that cannot be read. */
export function openRunOptions(options: EngineOptions, progress: Progress): OpenRunOptions {
  return { files: nodeFileSystem, onUnreadable: tellUnreadable(progress), ...engineOf(options) };
}
