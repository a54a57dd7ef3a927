import type { Graph, Split } from '@graftjs/core';
import { type TrainingBatch, trainingBatches } from './batches.js';
import { imageSize } from './check-inputs.js';
import { resolveClassWeights } from './class-weights.js';
import { evaluate } from './evaluate.js';
import type { PreparedSplit } from './feature-cache.js';
import type { ImageWorkers } from './image-workers.js';
import { createPreprocessing } from './preprocessing/create-preprocessing.js';
import { readImages } from './read-images.js';
import type { RunRecord } from './run-config.js';
import type { ClassifiedData } from './run-data.js';
import type { RunTask } from './run-task.js';

/** To tell the class of images. */
export function createClassificationTask(
  record: RunRecord,
  graph: Graph,
  data: ClassifiedData,
  workers: number | ImageWorkers | undefined,
): RunTask<TrainingBatch> {
  const { classes } = data;
  const { train, test } = data.splits;
  const size = imageSize(graph);
  const preprocessing = createPreprocessing(record.augment);
  const classWeights = resolveClassWeights(record.classWeights, classes, train.labels);
  const reading = { size, preprocessing, ...(workers !== undefined && { workers }) };
  const preparedOf = (split: Split): PreparedSplit => ({
    count: split.labels.length,
    read: (indices) => readImages(split, indices, reading),
  });
  return {
    counts: { train: train.labels.length, test: test.labels.length },
    prepared: { train: preparedOf(train), test: preparedOf(test) },
    batches: (plan) => trainingBatches(train, { ...reading, ...plan, ...(classWeights && { classWeights }) }),
    compareModes: (comparer, { labels }, training, inference) => comparer.add(training, inference, labels),
    evaluate: (session, _, options) =>
      evaluate(session, test, classes, { ...reading, batchSize: record.batchSize, ...options }),
  };
}
