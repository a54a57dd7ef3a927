import type { Graph } from './graph.js';
import type { NormalizeNode } from './ops.js';

/** What becomes of an image's values before the first layer: `(value - mean) / deviation`, all on the scale 0 to 255. */
export interface Normalization {
  /** Of red, green and blue. */
  readonly mean: readonly [number, number, number];
  /** Of red, green and blue; not 0. */
  readonly deviation: readonly [number, number, number];
}

const normalizeOf = ({ nodes }: Graph): NormalizeNode | undefined =>
  nodes.find((node): node is NormalizeNode => node.op === 'normalize');

/** How a graph normalizes images; undefined where it leaves that to its user. */
export function normalizationOf(graph: Graph): Normalization | undefined {
  const node = normalizeOf(graph);
  if (!node) return undefined;
  const triple = (values: readonly number[]) => values as unknown as [number, number, number];
  return { mean: triple(node.mean), deviation: triple(node.scale.map((factor) => 1 / factor)) };
}

/**
 * The same graph for images that are normalized in another way. A graph that leaves it to its user stays as it is.
 *
 * Weights are good for images that are normalized as those were that they were trained on. To fold the difference into the
 * first layer would not do the same at the edges of an image: what lies beyond them is zero after normalization.
 */
export function withNormalization(graph: Graph, { mean, deviation }: Normalization): Graph {
  const node = normalizeOf(graph);
  if (!node) return graph;
  const changed: NormalizeNode = Object.freeze({
    ...node,
    mean: Object.freeze([...mean]),
    scale: Object.freeze(deviation.map((value) => 1 / value)),
  });
  return Object.freeze({ ...graph, nodes: Object.freeze(graph.nodes.map((one) => (one === node ? changed : one))) });
}
