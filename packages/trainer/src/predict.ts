import { type Image, type Preprocessing, RunError, type Session } from '@graftjs/core';
import { checkClasses, imageSize } from './check-inputs.js';
import { firstNotFinite } from './first-not-finite.js';

/** One class that an image may have. */
export interface Prediction {
  readonly name: string;
  /** Its place among the classes. */
  readonly index: number;
  /** Softmax of its logit, 0 to 1. */
  readonly probability: number;
}

/** How images are classified. */
export interface PredictOptions {
  readonly preprocessing: Preprocessing;
  /** Images that the network gets at once. Default 32. */
  readonly batchSize?: number;
  /** How many classes of each image are given. Default 5. */
  readonly top?: number;
}

function mostProbable(logits: Float32Array, classes: readonly string[], top: number): Prediction[] {
  if (firstNotFinite(logits) >= 0) {
    throw new RunError(
      'run/not-finite',
      'The network gives logits that are no numbers: its weights are those of a training that went wrong. Use an earlier checkpoint.',
    );
  }
  const largest = logits.reduce((most, logit) => Math.max(most, logit));
  const exponentials = Array.from(logits, (logit) => Math.exp(logit - largest));
  const sum = exponentials.reduce((total, value) => total + value, 0);
  return classes
    .map((name, index) => ({ name, index, probability: exponentials[index]! / sum }))
    .sort((a, b) => b.probability - a.probability)
    .slice(0, top);
}

/** Images as the network takes them, `batchSize` to a batch. */
async function* prepared(
  images: Iterable<Image> | AsyncIterable<Image>,
  size: number,
  preprocessing: Preprocessing,
  batchSize: number,
): AsyncGenerator<{ readonly inputs: Uint8Array; readonly count: number }> {
  const length = size * size * 3;
  let bytes = new Uint8ClampedArray(batchSize * length);
  let count = 0;
  for await (const image of images) {
    bytes.set(preprocessing.evaluate(image, size), count * length);
    count++;
    if (count < batchSize) continue;
    yield { inputs: new Uint8Array(bytes.buffer), count };
    bytes = new Uint8ClampedArray(batchSize * length);
    count = 0;
  }
  if (count > 0) yield { inputs: new Uint8Array(bytes.buffer, 0, count * length), count };
}

/**
 * Classifies images. For each, in their order, yields its `top` most probable classes, the most probable first. Of the
 * images themselves one is held at a time, and of what the network takes one batch.
 * @param classes their names, as many as the network has outputs
 * @throws RunError `run/not-finite` where a logit is NaN or infinite
 */
export async function* predict(
  session: Session,
  images: Iterable<Image> | AsyncIterable<Image>,
  classes: readonly string[],
  { preprocessing, batchSize = 32, top = 5 }: PredictOptions,
): AsyncGenerator<readonly Prediction[]> {
  const { graph } = session;
  checkClasses(graph, classes);
  for await (const { inputs, count } of prepared(images, imageSize(graph), preprocessing, batchSize)) {
    const outputs = await session.predict(inputs, count);
    const logits = outputs.get(graph.output)!;
    for (let i = 0; i < count; i++) {
      yield mostProbable(logits.subarray(i * classes.length, (i + 1) * classes.length), classes, top);
    }
  }
}
