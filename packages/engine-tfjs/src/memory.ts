import { elementCount, type Graph } from '@graftjs/core';
import { shapesOf } from './session-parts.js';
import { readBack, type StepPlan } from './training-step.js';

/** What an example keeps for the way back, in bytes. */
export function keptBytes(graph: Graph, plan: StepPlan): number {
  const shapes = shapesOf(graph);
  const kept = new Set(plan.nodes.flatMap((node) => readBack(node, plan)));
  return [...kept].reduce((sum, name) => sum + 4 * elementCount(shapes.get(name)!), 0);
}

/**
 * The most examples of a batch that run as one group, so that what they keep stays within `budget` bytes; at least 1. All of
 * them where a normalization uses the statistics of the batch.
 */
export function groupSize(graph: Graph, plan: StepPlan, budget: number): number {
  const bytes = keptBytes(graph, plan);
  if (plan.normalizesByBatch.size > 0 || bytes === 0) return Number.POSITIVE_INFINITY;
  return Math.max(1, Math.floor(budget / bytes));
}
