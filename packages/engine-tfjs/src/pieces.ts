import { elementCount, type Graph, type Node } from '@graftjs/core';
import { shapesOf } from './session-parts.js';
import { readBack, type StepPlan } from './step-plan.js';

/** How many examples run at once in use, so that the largest value stays within `budget` bytes; at least 1. */
export function pieceSize(nodes: readonly Node[], budget: number): number {
  const largest = nodes.reduce((most, { shape }) => Math.max(most, 4 * elementCount(shape)), 1);
  return Math.max(1, Math.floor(budget / largest));
}

/**
 * The most examples of a batch that run as one group, so that what they keep for the way back stays within `budget` bytes; at
 * least 1. All of them where a normalization uses the statistics of the batch.
 */
export function groupSize(graph: Graph, plan: StepPlan, budget: number): number {
  if (plan.normalizesByBatch.size > 0) return Number.POSITIVE_INFINITY;
  const shapes = shapesOf(graph);
  const kept = new Set(plan.nodes.flatMap((node) => readBack(node, plan)));
  const bytes = [...kept].reduce((sum, name) => sum + 4 * elementCount(shapes.get(name)!), 0);
  return bytes === 0 ? Number.POSITIVE_INFINITY : Math.max(1, Math.floor(budget / bytes));
}
