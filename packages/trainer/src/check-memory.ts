import { type Graph, type MemoryUse, RunError } from '@graftjs/core';

/** Bytes in the unit that suits them: `4.4 GB`. */
function formatBytes(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.ceil(bytes / 1e6)} MB`;
}

/**
 * Refuses a run that would not fit into memory, before anything of it is opened.
 * @param uses of all that is open at once
 * @param available bytes that may still be taken
 * @throws RunError `run/memory`, with the largest batch that fits
 */
export function checkMemory(graph: Graph, uses: readonly MemoryUse[], batchSize: number, available: number): void {
  const need = (batch: number) => uses.reduce((sum, use) => sum + use(batch), 0);
  if (need(batchSize) <= available) return;
  let largest = batchSize - 1;
  while (largest > 0 && need(largest) > available) largest--;
  const advice =
    largest > 0
      ? `The largest batch that fits is ${largest}: --batch-size ${largest}` +
        (2 * largest <= batchSize
          ? `, and --accumulate ${Math.ceil(batchSize / largest)} for steps of about as many pictures.`
          : '.')
      : `Not even one picture at a time fits, which takes ${formatBytes(need(1))}. Train fewer layers (--train head), a ` +
        'narrower network (--width) or smaller pictures (--size), or free memory.';
  throw new RunError(
    'run/memory',
    `Training ${graph.name} with batches of ${batchSize} takes about ${formatBytes(need(batchSize))}, and ` +
      `${formatBytes(available)} are available. ${advice}`,
    { details: { needed: need(batchSize), available, largestBatch: largest } },
  );
}
