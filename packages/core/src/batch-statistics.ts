import type { BatchNormNode } from './ops.js';

/**
 * Which batch normalizations use the batch's own statistics in training, and move their moving averages:
 * - `trained`: those whose gamma or beta is trained. What a frozen layer gives then does not depend on the other images of
 *   the batch, and it stays as its checkpoint has it.
 * - `all`: frozen layers too, as Slim's networks do with `is_training=True`.
 * - `none`: all use their moving averages, and keep them; gamma and beta can be trained nevertheless. For small batches.
 */
export type BatchStatistics = 'trained' | 'all' | 'none';

/** Whether a batch normalization uses the batch's own statistics in training, where `trained` are the trained variables. */
export function usesBatchStatistics(
  { gamma, beta }: BatchNormNode,
  trained: ReadonlySet<string>,
  batchStatistics: BatchStatistics = 'trained',
): boolean {
  if (batchStatistics !== 'trained') return batchStatistics === 'all';
  return trained.has(beta) || (gamma !== undefined && trained.has(gamma));
}

/**
 * Moves a moving average towards a batch's own mean or variance, in place.
 * @param correction the own value is multiplied by it: for the variance of `count` values `count / (count - 1)`
 */
export function moveAverage(moving: Float32Array, own: Float32Array, decay: number, correction = 1): void {
  for (let i = 0; i < moving.length; i++) moving[i]! -= (1 - decay) * (moving[i]! - correction * own[i]!);
}
