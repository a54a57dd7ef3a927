import type { BatchNormNode } from '@graftjs/core';
import type { Lowering, LoweringContext, Statistics } from './lowering.js';
import type { Tensor, Tensor1D, Tfjs } from './tfjs.js';

/** All axes but the last. */
const places = (x: Tensor): number[] => x.shape.slice(0, -1).map((_, axis) => axis);

const statisticsOf = ({ statistics, variable }: LoweringContext, node: BatchNormNode): Statistics =>
  statistics(node) ?? { mean: variable(node.movingMean), variance: variable(node.movingVariance) };

/** The mean and the variance, without Bessel's correction, of each channel of a batch. */
export function ownStatistics(tf: Tfjs, x: Tensor): Statistics {
  return tf.moments(x, places(x));
}

export const batchNorm: Lowering<BatchNormNode> = {
  forward(context, node, [x]) {
    const { mean, variance } = statisticsOf(context, node);
    const gamma = node.gamma === undefined ? undefined : (context.variable(node.gamma) as Tensor1D);
    const beta = context.variable(node.beta) as Tensor1D;
    return context.tf.batchNorm(x!, mean as Tensor1D, variance as Tensor1D, beta, gamma, node.epsilon);
  },
  keeps: () => ({ inputs: true }),
  /**
   * Ioffe and Szegedy (2015), section 3: where mean and variance are the batch's own, the gradient passes through them too.
   */
  backward(context, node, dy) {
    const { tf, trains, wantsInput, setGradient, variable } = context;
    const { mean, variance } = statisticsOf(context, node);
    const x = context.input(0);
    const deviation = tf.rsqrt(tf.add(variance, node.epsilon));
    const normal = tf.mul(tf.sub(x, mean), deviation);
    const [sum, product] = [tf.sum(dy, places(dy)), tf.sum(tf.mul(dy, normal), places(dy))];
    if (trains(node.beta)) setGradient(node.beta, sum);
    if (node.gamma !== undefined && trains(node.gamma)) setGradient(node.gamma, product);
    if (!wantsInput) return [];
    const scale = node.gamma === undefined ? deviation : tf.mul(deviation, variable(node.gamma));
    if (!context.statistics(node)) return [tf.mul(dy, scale)];
    const count = x.size / x.shape.at(-1)!;
    const through = tf.add(tf.mul(normal, tf.div(product, count)), tf.div(sum, count));
    return [tf.mul(tf.sub(dy, through), scale)];
  },
};
