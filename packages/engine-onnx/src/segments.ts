import { elementCount, type Graph, type Node, type Shape } from '@graftjs/core';
import { isDense } from '@graftjs/onnx';

/** A part of a network that one value enters and one leaves; the parts follow each other. */
export interface Segment {
  readonly nodes: readonly Node[];
  /** The node before it, or the graph's input. */
  readonly input: string;
  /** Its last node. */
  readonly output: string;
  /** The most examples that it should be run with at once. */
  readonly piece: number;
  /** Bytes of its largest value, of one example. */
  readonly largest: number;
}

interface CutOptions {
  /** What the largest value of a run may take. */
  readonly pieceBytes: number;
  /** Whether to cut before dense layers alone. Default false. */
  readonly onlyBeforeDense?: boolean;
}

/** Where more examples than this run at once, cutting the network gains nothing. */
const plenty = 256;

/**
 * Cuts a network where pictures have become much smaller, and before dense layers, so that each part can run with as many
 * examples at once as is best for it: one large picture, whose values then stay in the processor's cache, but the whole
 * batch where the weights are what is large.
 * @param nodes those of the graph that are wanted
 */
export function cutIntoSegments(
  graph: Graph,
  nodes: readonly Node[],
  { pieceBytes, onlyBeforeDense = false }: CutOptions,
): Segment[] {
  const shapes = new Map<string, Shape>(nodes.map(({ name, shape }) => [name, shape]));
  shapes.set(graph.input.name, graph.input.shape);
  const variables = new Map(graph.variables.map(({ name, shape }) => [name, shape]));
  const lastReader = new Map<string, number>();
  for (const [index, { inputs }] of nodes.entries()) for (const name of inputs) lastReader.set(name, index);
  // What the network gives is there to the end.
  for (const name of [graph.output, ...graph.auxiliary.map(({ output }) => output)]) lastReader.delete(name);
  const bytes = (name: string) => 4 * elementCount(shapes.get(name)!);

  const segments: Segment[] = [];
  let input = graph.input.name;
  let start = 0;
  let largest = 0;
  const live = new Set([input]);
  for (const [index, { name, inputs }] of nodes.entries()) {
    for (const read of inputs) if (lastReader.get(read) === index) live.delete(read);
    live.add(name);
    largest = Math.max(largest, bytes(name));
    const piece = Math.max(1, Math.floor(pieceBytes / largest));
    const next = nodes[index + 1];
    const cuts =
      next?.op === 'conv2d' &&
      live.size === 1 &&
      piece < plenty &&
      ((!onlyBeforeDense && 2 * bytes(name) <= largest) ||
        isDense(next, shapes.get(name)!, variables.get(next.weights)!));
    if (next !== undefined && !cuts) continue;
    segments.push({ nodes: nodes.slice(start, index + 1), input, output: name, piece, largest });
    [input, start, largest] = [name, index + 1, 0];
  }
  return segments;
}
