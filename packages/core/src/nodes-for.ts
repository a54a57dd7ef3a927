import type { Graph } from './graph.js';
import type { Node } from './ops.js';

/** The nodes that the named ones depend on, themselves included, in the graph's order. */
export function nodesFor(graph: Graph, names: readonly string[]): Node[] {
  const wanted = new Set(names);
  const found: Node[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!wanted.has(node.name)) continue;
    found.push(node);
    for (const name of node.inputs) wanted.add(name);
  }
  return found.reverse();
}

/** The nodes that a training step computes: those of the result and of the auxiliary ones. */
export function trainingNodes(graph: Graph): Node[] {
  return nodesFor(graph, [graph.output, ...graph.auxiliary.map(({ output }) => output)]);
}
