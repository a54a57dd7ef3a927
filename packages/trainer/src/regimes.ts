import { type Graph, inScopes, type RestoreRow, selectScopes } from '@graftjs/core';

/** What trains: `all`, `head`, or scopes as Slim's `trainable_scopes`. */
export type Regime = 'all' | 'head' | readonly string[];

/**
 * The names of the variables that a regime trains, in the graph's order. Values that no gradient reaches (moving
 * averages) are never among them.
 *
 * - `all`: every variable. Without a checkpoint this is training from scratch.
 * - `head`: the graph's head scopes, and whatever the checkpoint did not give (excluded or missing): a layer of random
 *   values that is kept as it is would be of no use. Without a checkpoint, the head scopes alone.
 * - scopes: variables whose names begin with one of them; one that takes none is a `UsageError`.
 * @param rows the plan of `planRestore`, where there is a checkpoint
 */
export function selectTrainable(graph: Graph, train: Regime, rows: readonly RestoreRow[] = []): string[] {
  const trainable = graph.variables.filter((variable) => variable.trainable);
  if (train === 'all') return trainable.map(({ name }) => name);
  if (train !== 'head') return selectScopes(trainable, train).map(({ name }) => name);
  const fresh = new Set(rows.filter(({ status }) => status !== 'restored').map(({ name }) => name));
  return trainable.filter(({ name }) => fresh.has(name) || inScopes(name, graph.headScopes)).map(({ name }) => name);
}
