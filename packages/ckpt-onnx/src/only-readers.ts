import type { Graph, Node } from '@graftjs/core';

/** By the name of a node, the one that is all that reads it. */
export function onlyReaders(graph: Graph): Map<string, Node> {
  const readers = new Map<string, Node>();
  const others = new Set<string>([graph.output]);
  for (const node of graph.nodes) {
    for (const name of node.inputs) {
      if (readers.has(name)) others.add(name);
      readers.set(name, node);
    }
  }
  for (const name of others) readers.delete(name);
  return readers;
}
