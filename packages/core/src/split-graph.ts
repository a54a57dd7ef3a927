import { type BatchStatistics, usesBatchStatistics } from './batch-statistics.js';
import { elementCount } from './dtype.js';
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
 * The nodes whose values for an image change from step to step: by a trained variable, by dropout or by the other images of
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

function part(
  graph: Graph,
  nodes: readonly Node[],
  ends: Pick<Graph, 'input' | 'output' | 'auxiliary' | 'headScopes'>,
): Graph {
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

/** Nodes that make one vector of several values, and those that make the values of it again, under their names. */
function joinValues(name: string, values: readonly Node[]): { joined: Node; joining: Node[]; parting: Node[] } {
  const [joining, parting, flat]: [Node[], Node[], string[]] = [[], [], []];
  let start = 0;
  for (const value of values) {
    const size = elementCount(value.shape);
    const isFlat = value.shape.length === 1;
    const part = isFlat ? value.name : `${value.name}/flat`;
    const slice = { op: 'slice', inputs: [name], start, size } as const;
    parting.push({ ...slice, name: part, shape: [size] });
    if (!isFlat) {
      joining.push({ op: 'reshape', name: part, inputs: [value.name], shape: [size] });
      parting.push({ op: 'reshape', name: value.name, inputs: [part], shape: value.shape });
    }
    flat.push(part);
    start += size;
  }
  const joined: Node = { op: 'concat', name, inputs: flat, shape: [start] };
  return { joined, joining: [...joining, joined], parting };
}

/**
 * Splits a graph where training begins: the prefix is what is the same for an image in every step, since it has no trained
 * variable, drops nothing and normalizes by no batch. Where the rest reads several of its values, as it does where auxiliary
 * layers are trained, the prefix gives them as one vector. Undefined where there is no such prefix with a variable in it, or
 * where the rest reads images too.
 */
export function splitGraph(
  graph: Graph,
  trained: ReadonlySet<string>,
  batchStatistics?: BatchStatistics,
): SplitGraph | undefined {
  const changing = changingNodes(graph, trained, batchStatistics);
  const rest = graph.nodes.filter(({ name }) => changing.has(name));
  const results = [graph.output, ...graph.auxiliary.map(({ output }) => output)];
  const read = [...rest.flatMap(({ inputs }) => inputs), ...results];
  const borders = new Set(read.filter((name) => !changing.has(name)));
  const still = graph.nodes.filter(({ name }) => !changing.has(name));
  const values = still.filter(({ name }) => borders.has(name));
  if (rest.length === 0 || values.length < borders.size || still.flatMap(variablesOf).length === 0) return undefined;
  const [only] = values;
  const isOne = values.length === 1 && !results.includes(only!.name);
  const { joined, joining, parting } = isOne
    ? { joined: only!, joining: [], parting: [] }
    : joinValues(values.map(({ name }) => name).join(' + '), values);
  return {
    prefix: part(graph, [...still, ...joining], {
      input: graph.input,
      output: joined.name,
      auxiliary: [],
      headScopes: [],
    }),
    suffix: part(graph, [...parting, ...rest], {
      input: { name: joined.name, shape: joined.shape, dtype: 'float32' },
      output: graph.output,
      auxiliary: graph.auxiliary,
      headScopes: graph.headScopes,
    }),
  };
}
