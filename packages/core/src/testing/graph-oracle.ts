import { formatShape } from '../dtype.js';
import type { Graph } from '../graph.js';
import { check } from './contract.js';

/** What TF-Slim says of a network, as it is recorded in a file of oracles. */
export interface GraphOracle {
  /** In order: name, shape, and whether it is trained. */
  readonly variables: readonly (readonly [name: string, shape: readonly number[], trainable: boolean])[];
  /** With a batch in front. */
  readonly end_points: Readonly<Record<string, { readonly shape: readonly number[] }>>;
}

/** Throws unless a graph has the variables of an oracle, in its order, and end points of its shapes, among others. */
export function checkGraph(graph: Graph, oracle: GraphOracle): void {
  const lines = graph.variables.map(({ name, shape, trainable }) => `${name} ${formatShape(shape)} ${trainable}`);
  const expected = oracle.variables.map(([name, shape, trainable]) => `${name} ${formatShape(shape)} ${trainable}`);
  for (let i = 0; i < Math.max(lines.length, expected.length); i++) {
    check(lines[i] === expected[i], `Variable ${i} is ${lines[i]}, and ${expected[i]} is expected.`);
  }
  const shapes = new Map(graph.nodes.map(({ name, shape }) => [name, formatShape(shape)]));
  for (const [point, { shape }] of Object.entries(oracle.end_points)) {
    const [found, wanted] = [shapes.get(graph.endPoints[point]!), formatShape(shape.slice(1))];
    check(found === wanted, `The end point ${point} is ${found}, and ${wanted} is expected.`);
  }
}
