import { ExportError, type ExportedNetwork, type ExportPrecision, type Graph, type Split } from '@graftjs/core';
import { pictureSize } from './check-inputs.js';
import { comparePredictions, type Difference } from './compare-predictions.js';
import type { Classifier } from './evaluate.js';
import { predictAll, type StageOptions, stageOptions } from './export-stages.js';
import type { OpenRun } from './open-run.js';

/** The file as something that gives logits: logarithms of its probabilities are. */
export function classifierOf(graph: Graph, file: ExportedNetwork): Classifier {
  return {
    graph,
    async predict(inputs, count) {
      const probabilities = await file.predict(inputs as Uint8Array, count);
      // No probability is so small that it could not be; one that is zero would be an infinite loss.
      const logits = probabilities.map((probability) => Math.log(Math.max(probability, 1e-38)));
      return new Map([[graph.output, logits]]);
    },
  };
}

/** Runs the file on the compared pictures, the first of them alone, so that batches of several sizes are tried. */
async function compareExported(
  run: OpenRun,
  file: ExportedNetwork,
  compared: Split,
  logits: Float32Array,
  options: StageOptions,
): Promise<Difference> {
  const { graph, classes } = run;
  const length = pictureSize(graph) ** 2 * 3;
  let isFirst = true;
  async function probabilitiesOf(inputs: Uint8Array, count: number): Promise<Float32Array> {
    if (!isFirst || count === 1) return file.predict(inputs, count);
    isFirst = false;
    const first = await file.predict(inputs.subarray(0, length), 1);
    return Float32Array.of(...first, ...(await file.predict(inputs.subarray(length), count - 1)));
  }
  const stage = stageOptions(run, options, 'comparing');
  const probabilities = await predictAll(graph, probabilitiesOf, compared, classes.length, stage);
  return comparePredictions(logits, probabilities, classes.length);
}

/**
 * Compares a file with what the network gives for some pictures.
 * @param logits the network's
 * @param out where the file is to go, for messages
 * @throws ExportError `export/differs` where it gives something else
 */
export async function checkExported(
  run: OpenRun,
  file: ExportedNetwork,
  { name, tolerance }: ExportPrecision,
  compared: Split,
  logits: Float32Array,
  out: string,
  options: StageOptions,
): Promise<Difference> {
  const difference = await compareExported(run, file, compared, logits, options);
  const { share, picture, class: index, expected, received } = difference;
  if (share <= (tolerance ?? Number.MAX_VALUE)) return difference;
  throw new ExportError(
    'export/differs',
    `Nothing was written to ${out}: as ${name} the network does not give what it gives here. For ${compared.id(picture)} and ` +
      `the class ${run.classes[index]} it is a probability of ${received} instead of ${expected}; logarithms differ by ` +
      `${share.toPrecision(2)} of their scale` +
      (tolerance === undefined ? '.' : `, and ${tolerance} is accepted.`),
    { details: { picture: compared.id(picture), class: run.classes[index], expected, received, share, tolerance } },
  );
}
