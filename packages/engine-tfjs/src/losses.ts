import type { Graph } from '@graftjs/core';
import type { Tensor, Tfjs } from './tfjs.js';

/** The losses of some examples, and their gradients by the logits. */
export interface Losses {
  readonly own: Tensor;
  /** The sum of the auxiliary ones. */
  readonly auxiliary: Tensor;
  /** In the order of the graph's output and its auxiliary ones. */
  readonly gradients: Tensor[];
}

/**
 * `sum(weights * cross entropy)` of the smoothed labels, those of each pixel where the logits are images: of the result and of
 * the auxiliary ones.
 */
export function lossesOf(
  tf: Tfjs,
  graph: Graph,
  logits: (name: string) => Tensor,
  batch: { readonly labels: Int32Array; readonly weights: Float32Array },
  labelSmoothing: number,
): Losses {
  return tf.tidy(() => {
    const classes = logits(graph.output).shape.at(-1)!;
    const oneHot = tf.cast(tf.oneHot(tf.tensor1d(batch.labels, 'int32'), classes), 'float32');
    const truth = tf.add(tf.mul(oneHot, 1 - labelSmoothing), labelSmoothing / classes);
    const weights = tf.tensor2d(batch.weights, [batch.weights.length, 1]);
    const lossOf = (output: string, factor: number) => {
      const logProbabilities = tf.logSoftmax(tf.reshape(logits(output), [-1, classes]));
      const factors = tf.mul(weights, factor);
      const gradient = tf.mul(tf.sub(tf.exp(logProbabilities), truth), factors);
      const loss = tf.neg(tf.sum(tf.mul(tf.mul(truth, logProbabilities), factors)));
      return { loss, gradient: tf.reshape(gradient, logits(output).shape) };
    };
    const own = lossOf(graph.output, 1);
    const others = graph.auxiliary.map(({ output, weight }) => lossOf(output, weight));
    return {
      own: own.loss,
      auxiliary: tf.addN([tf.scalar(0), ...others.map(({ loss }) => loss)]),
      gradients: [own, ...others].map(({ gradient }) => gradient),
    };
  });
}
