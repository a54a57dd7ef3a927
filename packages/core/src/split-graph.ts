import { type BatchStatistics, usesBatchStatistics } from './batch-statistics.js';
import type { Graph } from './graph.js';
import { type Node, variablesOf } from './ops.js';

/** A graph in two: the second takes what the first gives. */
export interface SplitGraph {
  /** What does not change while the rest is trained. */
  readonly prefix: Graph;
  /** The rest; its input has the name and shape of the prefix's output, in float32. */
  readonly suffix: Graph;
}

/**
 * The nodes whose values for a picture change from step to step: by a trained variable, by dropout or by the other pictures of
 * the batch, their own or one before them.
 */
function changingNodes(
  graph: Graph,
  trained: ReadonlySet<string>,
  batchStatistics: BatchStatistics | undefined,
): Set<string> {
  const changing = new Set<string>();
  for (const node of graph.nodes) {
    const drops = node.op === 'dropout' && node.keep < 1;
    const mixes = node.op === 'batchNorm' && usesBatchStatistics(node, trained, batchStatistics);
    const trains = variablesOf(node).some((name) => trained.has(name));
    if (drops || mixes || trains || node.inputs.some((name) => changing.has(name))) changing.add(node.name);
  }
  return changing;
}

function part(graph: Graph, nodes: readonly Node[], ends: Pick<Graph, 'input' | 'output' | 'headScopes'>): Graph {
  const names = new Set(nodes.map(({ name }) => name));
  const read = new Set(nodes.flatMap(variablesOf));
  return {
    name: graph.name,
    ...ends,
    nodes,
    variables: graph.variables.filter(({ name }) => read.has(name)),
    endPoints: Object.fromEntries(Object.entries(graph.endPoints).filter(([, node]) => names.has(node))),
  };
}

/**
 * Splits a graph where training begins: the prefix is what is the same for a picture in every step, since it has no trained
 * variable, drops nothing and normalizes by no batch. Undefined where there is no such prefix with a variable in it, or where more than one of
 * its values is read by the rest.
 */
export function splitGraph(
  graph: Graph,
  trained: ReadonlySet<string>,
  batchStatistics?: BatchStatistics,
): SplitGraph | undefined {
  const changing = changingNodes(graph, trained, batchStatistics);
  const rest = graph.nodes.filter(({ name }) => changing.has(name));
  const borders = new Set(rest.flatMap(({ inputs }) => inputs.filter((name) => !changing.has(name))));
  const [border, ...others] = borders;
  const end = graph.nodes.find(({ name }) => name === border);
  if (end === undefined || others.length > 0) return undefined;
  const still = graph.nodes.filter(({ name }) => !changing.has(name));
  if (still.flatMap(variablesOf).length === 0) return undefined;
  return {
    prefix: part(graph, still, { input: graph.input, output: end.name, headScopes: [] }),
    suffix: part(graph, rest, {
      input: { name: end.name, shape: end.shape, dtype: 'float32' },
      output: graph.output,
      headScopes: graph.headScopes,
    }),
  };
}
