import type { Preprocessing, Session, Split } from '@graftjs/core';
import { evaluationBatches, type FeatureSource } from './batches.js';
import { checkClasses, checkSplit, imageSize } from './check-inputs.js';
import type { ImageWorkers } from './image-workers.js';
import { ClassificationMetrics, type Evaluation } from './metrics.js';

/** What gives logits for images. */
export type Classifier = Pick<Session, 'graph' | 'predict'>;

/** How a split is evaluated. */
export interface EvaluateOptions {
  readonly preprocessing: Preprocessing;
  /** Images that the network gets at once. Default 32. */
  readonly batchSize?: number;
  /** See `BatchOptions`. */
  readonly workers?: number | ImageWorkers;
  /** What the session takes instead of images. */
  readonly features?: FeatureSource;
  /** Ends it before the next batch, with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called after each batch. */
  readonly onProgress?: (done: number, count: number) => void;
}

/**
 * Runs a classifier over every image of a split.
 * @param classes their names, as many as the network has outputs
 * @throws RunError `run/not-finite` where a logit is NaN or infinite; DataError for an empty split or a damaged image
 */
export async function evaluate(
  session: Classifier,
  split: Split,
  classes: readonly string[],
  options: EvaluateOptions,
): Promise<Evaluation> {
  const { signal, onProgress, ...batching } = options;
  const { graph } = session;
  checkClasses(graph, classes);
  checkSplit('The split', split, classes);
  const metrics = new ClassificationMetrics(classes);
  let done = 0;
  const size = batching.features ? 0 : imageSize(graph);
  for await (const { inputs, labels } of evaluationBatches(split, { ...batching, size })) {
    signal?.throwIfAborted();
    const outputs = await session.predict(inputs, labels.length);
    metrics.add(outputs.get(graph.output)!, labels);
    done += labels.length;
    onProgress?.(done, split.labels.length);
  }
  return metrics.result();
}
