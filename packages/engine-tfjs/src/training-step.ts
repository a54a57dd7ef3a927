import { type BatchNormNode, elementCount, moveAverage, type Node } from '@graftjs/core';
import { createPauses, dropoutMask, type TrainedVariables } from '@graftjs/core/engine-kit';
import { LiveTensors } from './live-tensors.js';
import { lossesOf } from './losses.js';
import { ownStatistics } from './lower-batch-norm.js';
import type { BackwardContext, LoweringContext, Statistics } from './lowering.js';
import { loweringOf } from './lowerings.js';
import { inputTensor, type SessionParts, useContext } from './session-parts.js';
import { readBack, type StepPlan } from './step-plan.js';
import type { Tensor } from './tfjs.js';

/** Some examples of a batch. */
export interface Examples {
  readonly count: number;
  readonly inputs: Uint8Array | Float32Array;
  /** Of each, or of each of its pixels. */
  readonly labels: Int32Array;
  readonly weights: Float32Array;
  readonly seed: number;
  /** The place of the first in the batch. */
  readonly first: number;
}

/** What examples give. */
export interface ExampleResults {
  readonly loss: number;
  readonly auxiliaryLoss: number;
  readonly logits: Float32Array;
}

/** Runs examples forward and backward, and adds the gradients to those of `variables`. */
export async function runStep(
  parts: SessionParts,
  plan: StepPlan,
  variables: TrainedVariables,
  labelSmoothing: number,
  examples: Examples,
): Promise<ExampleResults> {
  const { graph, tf, store } = parts;
  const { nodes, learns, trained, results, uses } = plan;
  const { count } = examples;
  const live = new LiveTensors(uses);
  const gradients = new Map<string, Tensor>();
  const masks = new Map<string, Tensor>();
  const statistics = new Map<string, Statistics>();
  const pause = createPauses();
  const context: LoweringContext = {
    ...useContext(parts),
    mask: ({ name }) => masks.get(name),
    statistics: ({ name }) => statistics.get(name),
  };

  /** Makes what a node needs besides values. */
  function prepare(node: Node): void {
    if (node.op === 'dropout' && plan.dropouts.includes(node)) {
      const layer = plan.dropouts.indexOf(node);
      const mask = dropoutMask(node.keep, examples.seed, layer, examples.first, count, elementCount(node.shape));
      masks.set(node.name, tf.tensor(mask, [count, ...node.shape]));
    }
    if (plan.normalizesByBatch.has(node.name))
      statistics.set(
        node.name,
        tf.tidy(() => ownStatistics(tf, live.get(node.inputs[0]!))),
      );
  }

  async function moveAverages({ movingMean, movingVariance, shape, decay, name }: BatchNormNode): Promise<void> {
    const { mean, variance } = statistics.get(name)!;
    const values = count * elementCount(shape.slice(0, -1));
    moveAverage(store.array(movingMean), (await mean.data()) as Float32Array, decay);
    // One value alone has no variance that could be corrected.
    const correction = values / Math.max(1, values - 1);
    moveAverage(store.array(movingVariance), (await variance.data()) as Float32Array, decay, correction);
    store.changed(movingMean);
    store.changed(movingVariance);
  }

  function join(name: string, gradient: Tensor): void {
    const others = gradients.get(name);
    if (!others) {
      gradients.set(name, gradient);
      return;
    }
    gradients.set(name, tf.add(others, gradient));
    others.dispose();
    gradient.dispose();
  }

  async function backward(node: Node): Promise<void> {
    const dy = gradients.get(node.name)!;
    const found: { variable: string; gradient: Tensor }[] = [];
    const backwardContext: BackwardContext = {
      ...context,
      input: (index) => live.get(node.inputs[index]!),
      output: () => live.get(node.name),
      wantsInput: node.inputs.some((name) => learns.has(name)),
      trains: (name) => trained.has(name),
      setGradient: (variable, gradient) => found.push({ variable, gradient }),
    };
    const { inputs } = tf.tidy(() => ({ inputs: [...loweringOf(node).backward(backwardContext, node, dy)], found }));
    dy.dispose();
    gradients.delete(node.name);
    for (const [index, gradient] of inputs.entries()) {
      const name = node.inputs[index]!;
      if (learns.has(name)) join(name, gradient);
      else gradient.dispose();
    }
    for (const name of readBack(node, plan)) live.release(name);
    for (const { variable, gradient } of found) {
      variables.addGradient(variable, (await gradient.data()) as Float32Array);
      gradient.dispose();
    }
  }

  try {
    live.set(graph.input.name, inputTensor(parts, examples.inputs, count));
    for (const node of nodes) {
      prepare(node);
      const values = node.inputs.map((name) => live.get(name));
      live.set(
        node.name,
        tf.tidy(() => loweringOf(node).forward(context, node, values)),
      );
      for (const name of node.inputs) live.release(name);
      await pause();
    }
    const losses = lossesOf(tf, graph, (name) => live.get(name), examples, labelSmoothing);
    for (const [index, name] of results.entries()) join(name, losses.gradients[index]!);
    const [[loss], [auxiliaryLoss], logits] = [
      await losses.own.data(),
      await losses.auxiliary.data(),
      (await live.get(graph.output).data()) as Float32Array,
    ];
    losses.own.dispose();
    losses.auxiliary.dispose();
    for (const name of results) live.release(name);
    for (const node of nodes.toReversed()) {
      if (learns.has(node.name)) await backward(node);
      await pause();
    }
    for (const node of nodes) if (node.op === 'batchNorm' && statistics.has(node.name)) await moveAverages(node);
    return { loss: loss!, auxiliaryLoss: auxiliaryLoss!, logits: logits.slice() };
  } finally {
    live.dispose();
    for (const tensor of [...gradients.values(), ...masks.values()]) tensor.dispose();
    for (const { mean, variance } of statistics.values()) for (const tensor of [mean, variance]) tensor.dispose();
  }
}
