import type { Graph, Node } from '@graftjs/core';
import { onlyReaders } from './only-readers.js';

/** Operations that give values of their input, or rearrange them. */
const passing = new Set<Node['op']>(['maxPool', 'pad', 'crop', 'slice', 'reshape', 'dropout']);

/** Operations that a runtime does in one with what comes before them. */
const joining = new Set<Node['op']>(['bias', 'relu']);

/** True where a node's values are among its input's, so that they have the same range. */
export const passesOn = (node: Node): boolean => passing.has(node.op);

/** The nodes whose values a runtime has in memory, and whose ranges are not those of their input. */
export function keptValues(graph: Graph): string[] {
  const readers = onlyReaders(graph);
  const joined = (name: string) => joining.has(readers.get(name)?.op ?? 'add');
  return graph.nodes.filter((node) => !passesOn(node) && !joined(node.name)).map(({ name }) => name);
}
