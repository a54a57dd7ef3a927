import { type BatchNormNode, CheckpointError, usesBatchStatistics } from '@graftjs/core';
import { type BatchNormPolicy, batchNormsOf, batchStatisticsOf } from './batch-norm-policy.js';
import type { Weights } from './weights.js';

const isAll = (values: Float32Array, wanted: number): boolean => values.every((value) => value === wanted);

/**
 * Whether a normalization has statistics that do nothing, as a checkpoint leaves them whose writer folded them into the
 * convolution before it. Statistics that were never trained are others: their variance is 1.
 */
const isFolded = (weights: Weights, { movingMean, movingVariance, epsilon }: BatchNormNode): boolean =>
  isAll(weights.read(movingMean), 0) && isAll(weights.read(movingVariance), Math.fround(1 - epsilon));

/**
 * Refuses to take statistics of the batch, or of the data, where those that the convolutions were made with are folded into
 * them: normalized once more, they would do something else than they were trained to.
 * @throws CheckpointError `checkpoint/folded-batch-norm`
 */
export function checkFolded(weights: Weights, trained: readonly string[], policy: BatchNormPolicy): void {
  const names = new Set(trained);
  const needsApart = batchNormsOf(weights.graph).filter(
    (node) => policy === 'recalibrated' || usesBatchStatistics(node, names, batchStatisticsOf(policy)),
  );
  const folded = needsApart.filter((node) => isFolded(weights, node)).map(({ name }) => name);
  if (folded.length === 0) return;
  const more = folded.length > 1 ? ` and ${folded.length - 1} more` : '';
  throw new CheckpointError(
    'checkpoint/folded-batch-norm',
    `The checkpoint has batch normalization folded into convolutions (${folded[0]}${more}), as exporters do, and ` +
      `'${policy}' would normalize what is normalized already. Choose --batch-norm frozen or folded, train other layers ` +
      '(--train head), or start from a checkpoint that has it apart.',
    { details: { folded, received: policy, accepted: ['frozen', 'folded'] } },
  );
}
