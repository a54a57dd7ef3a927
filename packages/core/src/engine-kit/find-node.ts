import { EngineError } from '../errors.js';
import type { Graph } from '../graph.js';

/**
 * The name of the node that an end point, or a node itself, is.
 * @throws EngineError `engine/no-end-point` with the names that there are
 */
export function findNode(graph: Graph, name: string): string {
  const node = graph.nodes.find((candidate) => candidate.name === (graph.endPoints[name] ?? name));
  if (node) return node.name;
  const known = Object.keys(graph.endPoints);
  throw new EngineError(
    'engine/no-end-point',
    `${graph.name} has no end point '${name}'. There are: ${known.join(', ')}.`,
  );
}
