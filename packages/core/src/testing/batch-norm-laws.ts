import type { Engine } from '../engine.js';
import type { Graph } from '../graph.js';
import type { NodeOf } from '../ops.js';
import { checkClose } from './contract.js';
import { exampleInputs, labels, network, normal, trainableOf, training, variablesOf } from './engine-networks.js';
import { batchStatistics, evaluateBatch } from './reference.js';
import { batchNormsOf, differences, examplesOf, referenceLoss } from './reference-loss.js';

/** Two normalizations, one above the other. */
const twice = network((g, x) =>
  g.conv2d(normal(g, x), { name: 'above', channels: 8, kernel: 3, batchNorm: { scale: true, decay: 0.75 } }),
);
const nodes = twice.nodes.filter((node) => node.op === 'batchNorm');
const lower = nodes[0]!;
const upper = nodes[1]!;
const inputs = exampleInputs(twice, labels.length);
const aboveLower = trainableOf(twice).filter((name) => !name.startsWith('net/below'));

/** What the moving averages of a normalization are after batches that it normalized by their own statistics. */
function movedAverages(
  graph: Graph,
  node: NodeOf<'batchNorm'>,
  batches: readonly ArrayLike<number>[],
  ownStatistics: ReadonlySet<string>,
): { readonly mean: Float64Array; readonly variance: Float64Array } {
  const variables = variablesOf(graph);
  const mean = Float64Array.from(variables.get(node.movingMean)!);
  const variance = Float64Array.from(variables.get(node.movingVariance)!);
  for (const batch of batches) {
    const results = evaluateBatch(graph, variables, examplesOf(graph, batch), ownStatistics);
    const own = batchStatistics(
      results.map((values) => values.get(node.inputs[0]!)!),
      mean.length,
    );
    for (let i = 0; i < mean.length; i++) {
      mean[i] = node.decay * mean[i]! + (1 - node.decay) * own.mean[i]!;
      variance[i] = node.decay * variance[i]! + (1 - node.decay) * ((own.variance[i]! * own.count) / (own.count - 1));
    }
  }
  return { mean, variance };
}

/** What a training session does with batch normalization. */
export const batchNormLaws: Readonly<Record<string, (engine: Engine) => Promise<void>>> = {
  'moves the averages of a batch normalization with every batch, and uses them in use': async (engine) => {
    const session = await training(engine, twice);
    // What an engine may have made of the first averages for use does not stay.
    await session.predict(inputs, labels.length);
    const other = inputs.map((value, index) => value * Math.cos(index));
    const { logits } = await session.accumulate({ inputs, labels });
    await session.accumulate({ inputs: other, labels });
    const own = batchNormsOf(twice);
    const results = evaluateBatch(twice, variablesOf(twice), examplesOf(twice, inputs), own);
    checkClose(
      logits,
      results.flatMap((values) => [...values.get(twice.output)!]),
      1e-4,
      'the logits in training',
    );
    const variables = variablesOf(twice);
    for (const node of [lower, upper]) {
      const { mean, variance } = movedAverages(twice, node, [inputs, other], own);
      checkClose(session.read(node.movingMean), mean, 1e-5, node.movingMean);
      checkClose(session.read(node.movingVariance), variance, 1e-5, node.movingVariance);
      variables.set(node.movingMean, Float32Array.from(mean)).set(node.movingVariance, Float32Array.from(variance));
    }
    const used = await session.predict(inputs, labels.length);
    const expected = evaluateBatch(twice, variables, examplesOf(twice, inputs));
    checkClose(
      [...used.values()][0]!,
      expected.flatMap((values) => [...values.get(twice.output)!]),
      1e-4,
      'the logits in use',
    );
    await session.close();
  },
  'leaves a frozen batch normalization as it is, and its averages': async (engine) => {
    const session = await training(engine, twice, { trainable: aboveLower });
    const { loss } = await session.accumulate({ inputs, labels });
    const own = new Set([upper.name]);
    checkClose([loss], [referenceLoss(twice, variablesOf(twice), inputs, labels, own)], 1e-4, 'the loss');
    checkClose(session.read(lower.movingMean), variablesOf(twice).get(lower.movingMean)!, 0, lower.movingMean);
    checkClose(
      session.read(lower.movingVariance),
      variablesOf(twice).get(lower.movingVariance)!,
      0,
      lower.movingVariance,
    );
    const { mean } = movedAverages(twice, upper, [inputs], own);
    checkClose(session.read(upper.movingMean), mean, 1e-5, upper.movingMean);
    await session.close();
  },
  'normalizes by the batch in frozen layers too, and moves their averages, where it is to do so in all': async (
    engine,
  ) => {
    const session = await training(engine, twice, { trainable: aboveLower, batchStatistics: 'all' });
    const { loss } = await session.accumulate({ inputs, labels });
    const own = batchNormsOf(twice);
    checkClose([loss], [referenceLoss(twice, variablesOf(twice), inputs, labels, own)], 1e-4, 'the loss');
    for (const node of [lower, upper]) {
      const { mean, variance } = movedAverages(twice, node, [inputs], own);
      checkClose(session.read(node.movingMean), mean, 1e-5, node.movingMean);
      checkClose(session.read(node.movingVariance), variance, 1e-5, node.movingVariance);
    }
    await session.close();
  },
  'trains beta and gamma under moving averages that stay, where it is to use no statistics of batches': async (
    engine,
  ) => {
    const session = await training(engine, twice, { batchStatistics: 'none' });
    const { loss } = await session.accumulate({ inputs, labels });
    const variables = variablesOf(twice);
    const own = new Set<string>();
    checkClose([loss], [referenceLoss(twice, variables, inputs, labels, own)], 1e-4, 'the loss');
    for (const name of trainableOf(twice)) {
      const at = [0, 2, 5];
      const gradient = session.gradient(name);
      const found = at.map((index) => gradient[index % gradient.length]!);
      const places = at.map((index) => index % gradient.length);
      checkClose(
        found,
        differences(twice, variables, name, places, inputs, labels, own),
        1e-3,
        `the gradient of ${name}`,
      );
    }
    for (const { movingMean, movingVariance } of [lower, upper])
      for (const name of [movingMean, movingVariance]) checkClose(session.read(name), variables.get(name)!, 0, name);
    await session.close();
  },
};
