import { usesBatchStatistics } from '../batch-statistics.js';
import { formatShape, type Shape, sameShape } from '../dtype.js';
import type { TrainingOptions } from '../engine.js';
import { EngineError } from '../errors.js';
import type { Graph } from '../graph.js';
import { trainingNodes } from '../nodes-for.js';
import { type BatchNormNode, type Node, variablesOf } from '../ops.js';

/** The batch normalizations that use the batch's own statistics in a training session. */
export function ownStatisticsOf(
  graph: Graph,
  { trainable, batchStatistics }: Pick<TrainingOptions, 'trainable' | 'batchStatistics'>,
): BatchNormNode[] {
  const trained = new Set(trainable);
  return trainingNodes(graph).filter(
    (node): node is BatchNormNode => node.op === 'batchNorm' && usesBatchStatistics(node, trained, batchStatistics),
  );
}

/** The nodes that the gradient has to pass: those with a trained variable of their own or of a node before them. */
export function nodesThatLearn(nodes: readonly Node[], trainable: ReadonlySet<string>): Set<string> {
  const learns = new Set<string>();
  for (const node of nodes) {
    if (variablesOf(node).some((name) => trainable.has(name)) || node.inputs.some((name) => learns.has(name)))
      learns.add(node.name);
  }
  return learns;
}

/**
 * The shape of the network's logits, which its auxiliary ones have as well.
 * @throws EngineError `engine/output` where a result has another
 */
export function logitsOf(graph: Graph): Shape {
  const shapes = new Map(graph.nodes.map(({ name, shape }) => [name, shape]));
  const logits = shapes.get(graph.output)!;
  const { length } = logits;
  for (const name of [graph.output, ...graph.auxiliary.map(({ output }) => output)]) {
    const shape = shapes.get(name)!;
    if ((length === 1 || length === 3) && sameShape(shape, logits)) continue;
    throw new EngineError(
      'engine/output',
      `${name} of ${graph.name} gives ${formatShape(shape)}; a classifier's logits have one axis, a segmenter's three, ` +
        'and auxiliary ones are as large as the result.',
    );
  }
  return logits;
}
