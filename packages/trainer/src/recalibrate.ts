import {
  type Batch,
  type BatchNormNode,
  type Engine,
  elementCount,
  type Graph,
  type MaskBatch,
  type TrainingOptions,
} from '@graftjs/core';
import { batchNormsOf } from './batch-norm-policy.js';
import { sgd } from './optimizers/gradient-descent.js';
import type { Weights } from './weights.js';

/** So many batches of the first epoch are looked at, at most: of 32 images, 6,400. */
export const recalibrationBatches = 200;

/** Some images as a network takes them, and which these are. */
export type RecalibrationBatch = (Batch | MaskBatch) & { readonly indices: Uint32Array };

/** The sums, over all places of all images, of a normalization's input and of its square, a channel each. */
interface Sums {
  readonly node: BatchNormNode;
  count: number;
  readonly first: Float64Array;
  readonly second: Float64Array;
}

/** The graph whose moving averages after a step are the batch's own statistics. */
function forgetful(graph: Graph): Graph {
  return { ...graph, nodes: graph.nodes.map((node) => (node.op === 'batchNorm' ? { ...node, decay: 0 } : node)) };
}

/** What is wanted of a training session for it: all layers normalize by the batch, and as little as possible is trained. */
export function recalibrationTraining(graph: Graph): { readonly graph: Graph; readonly training: TrainingOptions } {
  const last = graph.variables.filter(({ trainable }) => trainable).at(-1)!;
  return {
    graph: forgetful(graph),
    training: { trainable: [last.name], optimizer: sgd(), batchStatistics: 'all' },
  };
}

/** Adds the statistics of a batch. The variance has Bessel's correction. */
function addBatch(sums: Sums, images: number, mean: Float32Array, variance: Float32Array): void {
  const places = images * elementCount(sums.node.shape.slice(0, -1));
  for (let channel = 0; channel < mean.length; channel++) {
    sums.first[channel]! += places * mean[channel]!;
    // One value alone has no variance, and none that could be corrected.
    sums.second[channel]! += (places - 1) * variance[channel]! + places * mean[channel]! ** 2;
  }
  sums.count += places;
}

function statisticsOf({ count, first, second }: Sums) {
  const mean = Float32Array.from(first, (sum) => sum / count);
  const variance = Float32Array.from(second, (sum, channel) => {
    const squares = sum - first[channel]! ** 2 / count;
    return Math.max(0, squares / Math.max(1, count - 1));
  });
  return { mean, variance };
}

/**
 * Makes the moving averages of all batch normalizations the mean and variance that they meet in these batches, over all places
 * of all images. Meanwhile each layer normalizes by the batch, as in training, so that what a layer meets are features
 * that are normalized already; nothing else of the weights changes.
 *
 * That is "precise batch normalization" (Wu and Johnson, "Rethinking 'Batch' in BatchNorm", 2021) before training, and
 * "adaptive batch normalization" (Li et al., 2016) where the data is of another kind than what the weights were trained on.
 * @param onBatch called with the number of images so far
 */
export async function recalibrate(
  weights: Weights,
  engine: Engine,
  where: { readonly device?: string },
  batches: AsyncIterable<RecalibrationBatch>,
  onBatch?: (images: number) => void,
): Promise<void> {
  const { graph, training } = recalibrationTraining(weights.graph);
  const sums = batchNormsOf(graph).map((node): Sums => {
    const channels = node.shape.at(-1)!;
    return { node, count: 0, first: new Float64Array(channels), second: new Float64Array(channels) };
  });
  const session = await engine.openTraining(graph, training, where);
  try {
    for (const { name } of graph.variables) session.write(name, weights.read(name));
    let images = 0;
    for await (const batch of batches) {
      await session.accumulate(batch);
      for (const one of sums) {
        const { movingMean, movingVariance } = one.node;
        addBatch(one, batch.indices.length, session.read(movingMean), session.read(movingVariance));
      }
      images += batch.indices.length;
      onBatch?.(images);
    }
  } finally {
    await session.close();
  }
  for (const one of sums) {
    const { mean, variance } = statisticsOf(one);
    weights.write(one.node.movingMean, mean);
    weights.write(one.node.movingVariance, variance);
  }
}
