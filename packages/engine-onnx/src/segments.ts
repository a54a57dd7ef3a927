import { elementCount, type Graph, type Node, type Shape, variablesOf } from '@graftjs/core';
import { isDense } from '@graftjs/onnx';

/** Some nodes of a network that run together; the segments of a network follow each other. */
export interface Segment {
  readonly nodes: readonly Node[];
  /** What it reads of nodes before it, or the graph's input. */
  readonly inputs: readonly string[];
  /** Its nodes that later ones read, or that are wanted. */
  readonly outputs: readonly string[];
  /** The most examples that it should be run with at once. */
  readonly piece: number;
  /** Bytes of its largest value, of one example. */
  readonly largest: number;
}

interface CutOptions {
  /** What the largest value of a run may take at most. */
  readonly pieceBytes: number;
  /** What the largest values of all segments may take together: onnxruntime keeps the memory of each. Default: no limit. */
  readonly allBytes?: number;
  /** Whether to cut before dense layers alone. Default false. */
  readonly onlyBeforeDense?: boolean;
  /** Nodes that wait until all examples of a batch have what they read: it is in an earlier segment. Default: none. */
  readonly waiting?: ReadonlySet<string>;
}

/** Where more examples than this run at once, cutting the network gains nothing. */
const plenty = 256;

/**
 * The largest value of a run may always take this fraction of the weights that are read with each: where these are heavy, to read
 * them again costs more than what leaves the cache.
 */
const weightsPerValue = 16;

/** Operations that take little beside a convolution. */
const cheap: ReadonlySet<string> = new Set(['relu', 'add', 'concat']);

/**
 * How many waiting nodes come one after the other on the way to each node. What only follows from a waiting node at little
 * cost comes as late as what reads it, so that its value need not be kept.
 */
function levelsOf(nodes: readonly Node[], waiting: ReadonlySet<string>): Map<string, number> {
  const levels = new Map<string, number>();
  const late = new Set<string>();
  for (const { name, op, inputs } of nodes) {
    const waits = waiting.has(name);
    const above = Math.max(0, ...inputs.map((input) => levels.get(input) ?? 0));
    levels.set(name, above + (waits ? 1 : 0));
    if (waits || (cheap.has(op) && inputs.some((input) => late.has(input)))) late.add(name);
  }
  const latest = new Map<string, number>();
  for (const { name, inputs } of [...nodes].reverse()) {
    if (late.has(name)) levels.set(name, latest.get(name) ?? levels.get(name)!);
    const before = levels.get(name)! - (waiting.has(name) ? 1 : 0);
    for (const input of inputs) latest.set(input, Math.min(before, latest.get(input) ?? before));
  }
  return levels;
}

/**
 * Cuts a network where nodes have to wait, where images have become much smaller, and before dense layers, so that each
 * part can run with as many examples at once as is best for it: one large image, whose values then stay in the processor's
 * cache, but the whole batch where the weights are what is large.
 * @param nodes those of the graph that are needed
 * @param wanted those of them whose values are wanted
 */
export function cutIntoSegments(
  graph: Graph,
  nodes: readonly Node[],
  wanted: readonly string[],
  { pieceBytes, allBytes = Number.POSITIVE_INFINITY, onlyBeforeDense = false, waiting = new Set() }: CutOptions,
): Segment[] {
  const shapes = new Map<string, Shape>(nodes.map(({ name, shape }) => [name, shape]));
  shapes.set(graph.input.name, graph.input.shape);
  const variables = new Map(graph.variables.map(({ name, shape }) => [name, shape]));
  const levels = levelsOf(nodes, waiting);
  const levelOf = ({ name }: Node) => levels.get(name)!;
  const ordered = nodes.toSorted((a, b) => levelOf(a) - levelOf(b));
  const lastReader = new Map<string, number>();
  for (const [index, { inputs }] of ordered.entries()) for (const name of inputs) lastReader.set(name, index);
  const bytes = (name: string) => 4 * elementCount(shapes.get(name)!);

  const segments: Omit<Segment, 'piece'>[] = [];
  let start = 0;
  const end = (index: number, largest: number) => {
    const inside = ordered.slice(start, index + 1);
    const names = new Set(inside.map(({ name }) => name));
    segments.push({
      nodes: inside,
      inputs: [...new Set(inside.flatMap(({ inputs }) => inputs))].filter((name) => !names.has(name)),
      outputs: [...names].filter((name) => lastReader.get(name)! > index || wanted.includes(name)),
      largest,
    });
    start = index + 1;
  };
  // What waits for the graph's own input waits for a segment of no nodes.
  if (ordered[0] && levelOf(ordered[0]) > 0) end(-1, bytes(graph.input.name));

  let largest = 0;
  const live = new Set([graph.input.name]);
  for (const [index, node] of ordered.entries()) {
    const { name, inputs } = node;
    for (const read of inputs) if (lastReader.get(read) === index) live.delete(read);
    if (lastReader.has(name)) live.add(name);
    largest = Math.max(largest, bytes(name));
    const next = ordered[index + 1];
    const cuts =
      next === undefined ||
      levelOf(next) > levelOf(node) ||
      (next.op === 'conv2d' &&
        live.size === 1 &&
        Math.floor(pieceBytes / largest) < plenty &&
        ((!onlyBeforeDense && 2 * bytes(name) <= largest) ||
          isDense(next, shapes.get(next.inputs[0]!)!, variables.get(next.weights)!)));
    if (!cuts) continue;
    end(index, largest);
    largest = 0;
  }
  const bytesEach = Math.min(pieceBytes, allBytes / segments.length);
  const piece = ({ nodes, largest }: Omit<Segment, 'piece'>) => {
    const weights = nodes.flatMap((node) => variablesOf(node)).map((name) => 4 * elementCount(variables.get(name)!));
    const share = weights.reduce((sum, size) => sum + size, 0) / weightsPerValue;
    return Math.max(1, Math.floor(Math.max(bytesEach, share) / largest));
  };
  return segments.map((one) => ({ ...one, piece: piece(one) }));
}
