import { elementCount, type Graph, type MemoryUse, type Node, nodesFor, type TrainingOptions } from '@graftjs/core';
import { groupSize, pieceSize } from './pieces.js';
import { type SessionParts, shapesOf } from './session-parts.js';
import { planStep, readBack, type StepPlan, trainedBy, usesOf } from './step-plan.js';

/** What memory is reckoned for. */
type MemoryPlan = Pick<SessionParts, 'graph' | 'tf' | 'budgets'>;

/** What a backend takes besides values and variables, as measured. */
interface Overhead {
  /** Itself, in bytes. */
  readonly runtime: number;
  /**
   * An operation for its time, in multiples of its largest value: padded images, windows, the parts of a gradient, and what the
   * pool of memory loses.
   */
  readonly forward: number;
  readonly backward: number;
}

const overheadOf = ({ tf }: MemoryPlan): Overhead =>
  tf.getBackend() === 'tensorflow'
    ? { runtime: 304 * 2 ** 20, forward: 1, backward: 9 }
    : { runtime: 72 * 2 ** 20, forward: 2, backward: 9 };

/** Sizes of values in bytes, of one example. */
const sizesOf = (graph: Graph): Map<string, number> =>
  new Map([...shapesOf(graph)].map(([name, shape]) => [name, 4 * elementCount(shape)]));

const largestOf = (node: Node, sizes: ReadonlyMap<string, number>): number =>
  Math.max(...[node.name, ...node.inputs].map((name) => sizes.get(name)!));

/** Follows which values are in memory. */
class Reckoning {
  readonly #left: Map<string, number>;
  #live = 0;
  peak = 0;

  constructor(uses: ReadonlyMap<string, number>) {
    this.#left = new Map(uses);
  }

  take(bytes: number): void {
    this.#live += bytes;
  }

  /** What is there, and `more` for a moment. */
  note(more: number): void {
    this.peak = Math.max(this.peak, this.#live + more);
  }

  release(name: string, bytes: number): void {
    const left = this.#left.get(name)! - 1;
    this.#left.set(name, left);
    if (left === 0) this.#live -= bytes;
  }
}

/** What the values of an example take at most while nodes run forward, and `then`. */
function peakOf(
  graph: Graph,
  overhead: Overhead,
  nodes: readonly Node[],
  uses: ReadonlyMap<string, number>,
  then: (reckoning: Reckoning, sizes: ReadonlyMap<string, number>) => void = () => {},
): number {
  const sizes = sizesOf(graph);
  const reckoning = new Reckoning(uses);
  reckoning.take(sizes.get(graph.input.name)!);
  for (const node of nodes) {
    reckoning.take(sizes.get(node.name)!);
    reckoning.note(overhead.forward * largestOf(node, sizes));
    for (const name of node.inputs) reckoning.release(name, sizes.get(name)!);
  }
  then(reckoning, sizes);
  return reckoning.peak;
}

/** What the values and gradients of an example take at most in a step. */
function stepPeak(graph: Graph, overhead: Overhead, plan: StepPlan): number {
  return peakOf(graph, overhead, plan.nodes, plan.uses, (reckoning, sizes) => {
    const gradients = new Set(plan.results);
    for (const name of plan.results) reckoning.take(sizes.get(name)!);
    for (const node of plan.nodes.toReversed()) {
      if (!plan.learns.has(node.name)) continue;
      reckoning.note(overhead.backward * largestOf(node, sizes));
      for (const name of node.inputs) {
        if (!plan.learns.has(name) || gradients.has(name)) continue;
        gradients.add(name);
        reckoning.take(sizes.get(name)!);
      }
      reckoning.take(-sizes.get(node.name)!);
      for (const name of readBack(node, plan)) reckoning.release(name, sizes.get(name)!);
    }
  });
}

const bytesOfVariables = (graph: Graph, names: ReadonlySet<string>): number =>
  graph.variables.reduce((sum, { name, shape }) => sum + (names.has(name) ? 4 * elementCount(shape) : 0), 0);

const allVariables = ({ variables }: Graph): ReadonlySet<string> => new Set(variables.map(({ name }) => name));

/** Bytes of an example as it comes. */
const inputBytes = ({ input }: Graph): number => elementCount(input.shape) * (input.dtype === 'uint8' ? 1 : 4);

/** What a training session takes: variables are there once as arrays and once as tensors, gradients for their time too. */
export function trainingMemory(session: MemoryPlan, training: TrainingOptions): MemoryUse {
  const { graph, budgets } = session;
  const overhead = overheadOf(session);
  const plan = planStep(graph, training);
  const trained = new Set(trainedBy(plan));
  const largest = Math.max(...[...trained].map((name) => bytesOfVariables(graph, new Set([name]))));
  const fixed =
    overhead.runtime +
    2 * bytesOfVariables(graph, allVariables(graph)) +
    bytesOfVariables(graph, trained) * (1 + training.optimizer.slots.length) +
    2 * largest;
  const group = groupSize(graph, plan, budgets.kept);
  const peak = stepPeak(graph, overhead, plan);
  return (examples) => {
    const together = Math.ceil(examples / Math.max(1, Math.ceil(examples / group)));
    return fixed + examples * inputBytes(graph) + together * peak;
  };
}

/** What a session takes that predicts the graph's output. */
export function predictionMemory(session: MemoryPlan): MemoryUse {
  const { graph, budgets } = session;
  const overhead = overheadOf(session);
  const nodes = nodesFor(graph, [graph.output]);
  const piece = pieceSize(nodes, budgets.prediction);
  const peak = peakOf(graph, overhead, nodes, usesOf(nodes, [graph.output]));
  const fixed = overhead.runtime + 2 * bytesOfVariables(graph, allVariables(graph));
  return (examples) => fixed + examples * inputBytes(graph) + Math.min(piece, examples) * peak;
}
