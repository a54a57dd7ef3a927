import { elementCount } from '../dtype.js';
import type { Graph } from '../graph.js';
import { crossEntropy, evaluateBatch, type Values } from './reference.js';

/** The examples of a batch, one by one. */
export function examplesOf(graph: Graph, inputs: ArrayLike<number>): Values[] {
  const size = elementCount(graph.input.shape);
  const slice = (index: number) => Array.prototype.slice.call(inputs, index * size, (index + 1) * size) as number[];
  return Array.from({ length: inputs.length / size }, (_, index) => slice(index));
}

/** The names of all batch normalizations. */
export const batchNormsOf = (graph: Graph): ReadonlySet<string> =>
  new Set(graph.nodes.flatMap(({ op, name }) => (op === 'batchNorm' ? [name] : [])));

/**
 * The loss of a batch by the reference, auxiliary ones included and weight decay left out.
 * @param ownStatistics the batch normalizations that use the batch's own statistics. Default: all
 */
export function referenceLoss(
  graph: Graph,
  variables: ReadonlyMap<string, ArrayLike<number>>,
  inputs: ArrayLike<number>,
  labels: Int32Array,
  ownStatistics = batchNormsOf(graph),
): number {
  const results = evaluateBatch(graph, variables, examplesOf(graph, inputs), ownStatistics);
  let loss = 0;
  for (const { output, weight } of [{ output: graph.output, weight: 1 }, ...graph.auxiliary]) {
    for (const [index, label] of labels.entries())
      loss += (weight * crossEntropy(results[index]!.get(output)!, label)) / labels.length;
  }
  return loss;
}

/** Central differences of a loss at some elements of a variable. */
export function slopes(
  loss: (variables: ReadonlyMap<string, ArrayLike<number>>) => number,
  variables: ReadonlyMap<string, Float32Array>,
  name: string,
  at: readonly number[],
): number[] {
  const moved = new Map<string, ArrayLike<number>>(variables);
  const values = Float64Array.from(variables.get(name)!);
  moved.set(name, values);
  const step = 1e-5;
  return at.map((index) => {
    const value = values[index]!;
    values[index] = value + step;
    const above = loss(moved);
    values[index] = value - step;
    const beneath = loss(moved);
    values[index] = value;
    return (above - beneath) / (2 * step);
  });
}

/** Central differences of the reference's loss. */
export function differences(
  graph: Graph,
  variables: ReadonlyMap<string, Float32Array>,
  name: string,
  at: readonly number[],
  inputs: ArrayLike<number>,
  labels: Int32Array,
  ownStatistics?: ReadonlySet<string>,
): number[] {
  return slopes((moved) => referenceLoss(graph, moved, inputs, labels, ownStatistics), variables, name, at);
}
