import type { ExportedNetwork, Graph, PreprocessingStep, Session, Split } from '@graftjs/core';
import { limitSplit } from './batches.js';
import { comparePredictions } from './compare-predictions.js';
import { type Classifier, evaluate } from './evaluate.js';
import { classifiedImages, type ExportImages } from './export-images.js';
import type { ImageWorkers } from './image-workers.js';
import type { OpenRun, TrainedRun } from './open-run.js';
import type { ClassifiedData } from './run-data.js';
import type { RunScores, Watching } from './run-task.js';

/** What a file gives for images. */
export type ExportedValues = Awaited<ReturnType<ExportedNetwork['predict']>>;

/** What is to be told where a file gives something else than the network. */
export interface ExportDifference {
  /** Of what is accepted as a share. */
  readonly share: number;
  /** Among those that were compared. */
  readonly image: number;
  /** The rest of a sentence that began with the image. */
  readonly what: string;
}

/** What of an export depends on what the network tells. */
export interface ExportTask {
  readonly run: TrainedRun;
  /** What is exported. */
  readonly graph: Graph;
  readonly session: Session;
  /** Of the file, to be told in it. */
  readonly preprocessing: { readonly name: string; readonly steps?: readonly PreprocessingStep[] };
  /** Images of `test` that every file is compared on. */
  readonly compared: ExportImages;
  /** Images of `train` that show what range the values have. */
  readonly calibration: ExportImages;
  /** @param logits of the compared images, in any parts, as the file's values are */
  compare(logits: readonly Float32Array[], values: readonly ExportedValues[]): ExportDifference;
  /** Of the network on `test`, as the file is measured. */
  evaluateNetwork(watching: Watching): Promise<RunScores>;
  evaluateFile(file: ExportedNetwork, watching: Watching): Promise<RunScores>;
}

const comparedImages = 64;
const calibrationImages = 128;

/** Parts of an array as one. */
export function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** The file as something that gives logits: logarithms of its probabilities are. */
function classifierOf(graph: Graph, file: ExportedNetwork): Classifier {
  return {
    graph,
    async predict(inputs, count) {
      const probabilities = (await file.predict(inputs as Uint8Array, count)) as Float32Array;
      // No probability is so small that it could not be; one that is zero would be an infinite loss.
      const logits = probabilities.map((probability) => Math.log(Math.max(probability, 1e-38)));
      return new Map([[graph.output, logits]]);
    },
  };
}

/** Of a network that tells the class of an image: the file gives probabilities. */
export function classifierExport(
  run: OpenRun,
  { splits: { train, test } }: ClassifiedData,
  workers: number | ImageWorkers | undefined,
): ExportTask {
  const { graph, session, preprocessing, classes, config } = run;
  const reading = { preprocessing, ...(workers !== undefined && { workers }) };
  const images = (split: Split, limit: number) =>
    classifiedImages(graph, limitSplit(split, limit, config.seed), reading);
  const evaluating = { ...reading, batchSize: config.batchSize };
  const steps = preprocessing.describe?.(graph.input.shape[0]!);
  return {
    run,
    graph,
    session,
    preprocessing: { name: preprocessing.name, ...(steps && { steps }) },
    compared: images(test, comparedImages),
    calibration: images(train, calibrationImages),
    compare(logits, values) {
      const [network, found] = [joined(logits), joined(values as readonly Float32Array[])];
      const { share, image, class: index, expected, received } = comparePredictions(network, found, classes.length);
      const what =
        `and the class ${classes[index]} it is a probability of ${received} instead of ${expected}; logarithms differ by ` +
        `${share.toPrecision(2)} of their scale`;
      return { share, image, what };
    },
    evaluateNetwork: (watching) => evaluate(session, test, classes, { ...evaluating, ...watching }),
    evaluateFile: (file, watching) =>
      evaluate(classifierOf(graph, file), test, classes, { ...evaluating, ...watching }),
  };
}
