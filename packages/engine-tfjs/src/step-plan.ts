import {
  type DropoutNode,
  type Graph,
  type Node,
  type TrainingOptions,
  trainingNodes,
  variablesOf,
} from '@graftjs/core';
import { nodesThatLearn, ownStatisticsOf } from '@graftjs/core/engine-kit';
import { loweringOf } from './lowerings.js';

/** What of a training step is known before any batch. */
export interface StepPlan {
  /** In their order. */
  readonly nodes: readonly Node[];
  /** Nodes that the gradient passes. */
  readonly learns: ReadonlySet<string>;
  /** Variables. */
  readonly trained: ReadonlySet<string>;
  /** Batch normalizations. */
  readonly normalizesByBatch: ReadonlySet<string>;
  /** Those that drop something. */
  readonly dropouts: readonly DropoutNode[];
  /** The output and the auxiliary ones. */
  readonly results: readonly string[];
  /** How often each value is used, forward and on the way back. */
  readonly uses: ReadonlyMap<string, number>;
}

/** How often each value is read: by nodes forward, and once for each of `others`. */
export function usesOf(nodes: readonly Node[], others: readonly string[]): Map<string, number> {
  const uses = new Map<string, number>();
  for (const name of [...nodes.flatMap(({ inputs }) => inputs), ...others]) uses.set(name, (uses.get(name) ?? 0) + 1);
  return uses;
}

/** The values that a node reads on the way back. */
export function readBack(node: Node, { learns, trained }: Pick<StepPlan, 'learns' | 'trained'>): readonly string[] {
  if (!learns.has(node.name)) return [];
  const { inputs, output } = loweringOf(node).keeps?.(node, (name) => trained.has(name)) ?? {};
  return [...(inputs ? node.inputs : []), ...(output ? [node.name] : [])];
}

export function planStep(graph: Graph, training: TrainingOptions): StepPlan {
  const nodes = trainingNodes(graph);
  const trained = new Set(training.trainable);
  const learns = nodesThatLearn(nodes, trained);
  const results = [graph.output, ...graph.auxiliary.map(({ output }) => output)];
  const back = nodes.flatMap((node) => readBack(node, { learns, trained }));
  return {
    nodes,
    learns,
    trained,
    normalizesByBatch: new Set(ownStatisticsOf(graph, training).map(({ name }) => name)),
    dropouts: graph.nodes.filter((node): node is DropoutNode => node.op === 'dropout' && node.keep < 1),
    results,
    uses: usesOf(nodes, [...results, ...back]),
  };
}

/** The variables whose gradients a step finds. */
export function trainedBy({ nodes, trained }: StepPlan): string[] {
  return [...new Set(nodes.flatMap(variablesOf))].filter((name) => trained.has(name));
}
