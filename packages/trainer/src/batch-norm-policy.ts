import {
  type BatchNormNode,
  type BatchStatistics,
  type Graph,
  UsageError,
  usesBatchStatistics,
  variablesOf,
} from '@graftjs/core';

/**
 * What training does with batch normalization, whose statistics (a mean and a variance a channel) a checkpoint has as moving
 * averages of the data that it was trained on:
 * - `train`: layers that train normalize by the batch and move their averages; frozen layers keep theirs and use them.
 * - `frozen`: all layers keep their averages and use them; gamma and beta train where they are among what trains.
 * - `folded`: nothing of it trains. All of it is a constant factor and summand a channel, as if it were folded into the
 *   convolution.
 * - `recalibrated`: before the first step the averages become the statistics of the training data (see `recalibrate`), and
 *   then it is as `frozen`.
 * - `slim`: all layers normalize by the batch and move their averages, frozen ones too, as Slim's networks do with
 *   `is_training=True`.
 */
export type BatchNormPolicy = 'train' | 'frozen' | 'folded' | 'recalibrated' | 'slim';

const statistics: Readonly<Record<BatchNormPolicy, BatchStatistics>> = {
  train: 'trained',
  frozen: 'none',
  folded: 'none',
  recalibrated: 'none',
  slim: 'all',
};

export const batchNormPolicies = Object.keys(statistics) as readonly BatchNormPolicy[];

/** What a policy is to an engine. */
export const batchStatisticsOf = (policy: BatchNormPolicy): BatchStatistics => statistics[policy];

export function batchNormsOf({ nodes }: Graph): BatchNormNode[] {
  return nodes.filter((node): node is BatchNormNode => node.op === 'batchNorm');
}

/** Whether some layer normalizes by the batch in training, and otherwise in use. */
export function mixesBatch(graph: Graph, trained: readonly string[], policy: BatchNormPolicy): boolean {
  const names = new Set(trained);
  return batchNormsOf(graph).some((node) => usesBatchStatistics(node, names, statistics[policy]));
}

/**
 * What of the variables that are to train does train under a policy.
 * @throws UsageError `usage/no-batch-norm` where a network has none and the policy is not the default; `usage/nothing-trains`
 * where `folded` leaves nothing
 */
export function applyBatchNormPolicy(graph: Graph, trained: readonly string[], policy: BatchNormPolicy): string[] {
  const layers = batchNormsOf(graph);
  if (layers.length === 0 && policy !== 'train') {
    throw new UsageError(
      'usage/no-batch-norm',
      `${graph.name} has no batch normalization, so it cannot be '${policy}'. Leave batchNorm (--batch-norm) out.`,
      { details: { network: graph.name, policy } },
    );
  }
  if (policy !== 'folded') return [...trained];
  const constant = new Set(layers.flatMap(variablesOf));
  const rest = trained.filter((name) => !constant.has(name));
  if (rest.length > 0) return rest;
  throw new UsageError(
    'usage/nothing-trains',
    `All that is to train in ${graph.name} is batch normalization (${trained.join(', ')}), and 'folded' keeps that as it is. ` +
      'Train other layers, or choose frozen.',
    { details: { trained } },
  );
}
