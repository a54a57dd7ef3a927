import { elementCount, type Session, type ValueRange } from '@graftjs/core';
import type { ExportImages } from './export-images.js';
import type { Watching } from './run-task.js';

/** Bytes of the values that are had at once. */
const mostBytes = 2 ** 28;

function widen({ min, max }: ValueRange, values: Float32Array): ValueRange {
  let [low, high] = [min, max];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return { min: low, max: high };
}

/** The least and the largest value that each of some nodes has on images. */
export async function calibrate(
  session: Pick<Session, 'graph' | 'predict'>,
  nodes: readonly string[],
  images: ExportImages,
  batchSize: number,
  { signal, onProgress }: Watching = {},
): Promise<Map<string, ValueRange>> {
  const shapes = new Map(session.graph.nodes.map(({ name, shape }) => [name, shape]));
  const bytes = nodes.reduce((sum, name) => sum + Float32Array.BYTES_PER_ELEMENT * elementCount(shapes.get(name)!), 0);
  const atOnce = Math.max(1, Math.min(batchSize, Math.floor(mostBytes / bytes)));
  const none: ValueRange = { min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY };
  const ranges = new Map<string, ValueRange>(nodes.map((name) => [name, none]));
  let done = 0;
  for await (const { inputs, count } of images.batches(atOnce)) {
    signal?.throwIfAborted();
    const values = await session.predict(inputs, count, nodes);
    for (const [name, found] of values) ranges.set(name, widen(ranges.get(name)!, found));
    done += count;
    onProgress?.(done, images.count);
  }
  return ranges;
}
