import { ExportError, type ExportedNetwork, type ExportPrecision } from '@graftjs/core';
import { predictAll, type StageOptions, watchingOf } from './export-stages.js';
import type { ExportDifference, ExportedValues, ExportTask } from './export-task.js';

/** Runs the file on the compared images, the first of them alone, so that batches of several sizes are tried. */
async function runExported(task: ExportTask, file: ExportedNetwork, options: StageOptions): Promise<ExportedValues[]> {
  let first: ExportedValues | undefined;
  async function valuesOf(inputs: Uint8Array, count: number): Promise<ExportedValues[]> {
    if (first || count === 1) return [await file.predict(inputs, count)];
    const length = inputs.length / count;
    first = await file.predict(inputs.subarray(0, length), 1);
    return [first, await file.predict(inputs.subarray(length), count - 1)];
  }
  const { batchSize } = task.run.config;
  return (await predictAll(valuesOf, task.compared, batchSize, watchingOf(options, 'comparing'))).flat();
}

/**
 * Compares a file with what the network gives for some images.
 * @param logits the network's
 * @param out where the file is to go, for messages
 * @throws ExportError `export/differs` where it gives something else
 */
export async function checkExported(
  task: ExportTask,
  file: ExportedNetwork,
  { name, tolerance }: ExportPrecision,
  logits: readonly Float32Array[],
  out: string,
  options: StageOptions,
): Promise<ExportDifference> {
  const difference = task.compare(logits, await runExported(task, file, options));
  const { share, image, what } = difference;
  if (share <= (tolerance ?? Number.MAX_VALUE)) return difference;
  const id = task.compared.id(image);
  throw new ExportError(
    'export/differs',
    `Nothing was written to ${out}: as ${name} the network does not give what it gives here. For ${id} ${what}` +
      (tolerance === undefined ? '.' : `, and ${tolerance} is accepted.`),
    { details: { image: id, share, tolerance } },
  );
}
