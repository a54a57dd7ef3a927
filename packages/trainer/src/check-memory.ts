import { type Graph, type MemoryUse, RunError } from '@graftjs/core';
import type { EvaluationMemory } from './run-task.js';

/** Bytes in the unit that suits them: `4.4 GB`. */
function formatBytes(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.ceil(bytes / 1e6)} MB`;
}

/**
 * Refuses a run that would not fit into memory, before anything of it is opened.
 * @param need of all that is open at once
 * @param available bytes that may still be taken
 * @param whole what of it evaluations on whole images need
 * @throws RunError `run/memory`, with the largest batch that fits
 */
export function checkMemory(
  graph: Graph,
  need: MemoryUse,
  batchSize: number,
  available: number,
  whole?: EvaluationMemory,
): void {
  if (need(batchSize) <= available) return;
  let largest = batchSize - 1;
  while (largest > 0 && need(largest) > available) largest--;
  const evaluating = whole
    ? `, ${formatBytes(whole.bytes)} of it to evaluate on whole images, of which the largest is ${whole.height} x ` +
      `${whole.width} pixels: test on smaller ones`
    : '';
  const advice =
    largest > 0
      ? `The largest batch that fits is ${largest}: --batch-size ${largest}` +
        (2 * largest <= batchSize
          ? `, and --accumulate ${Math.ceil(batchSize / largest)} for steps of about as many images.`
          : '.')
      : `Not even one image at a time fits, which takes ${formatBytes(need(1))}${evaluating}. Train fewer layers (--train head), a ` +
        'narrower network (--width) or smaller images (--size), or free memory.';
  throw new RunError(
    'run/memory',
    `Training ${graph.name} with batches of ${batchSize} takes about ${formatBytes(need(batchSize))}, and ` +
      `${formatBytes(available)} are available. ${advice}`,
    { details: { needed: need(batchSize), available, largestBatch: largest } },
  );
}
