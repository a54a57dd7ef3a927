import { elementCount, type Graph, type MemoryUse, type Node, type Shape, type TrainingOptions } from '@graftjs/core';
import { type Arrangements, arrangedDims, isDisjoint, type Layouts } from '@graftjs/onnx';
import { type PredictionPlan, writePrediction } from './prediction.js';
import { roomOf, type StepPlan, type StepSegment, trainedBy, writeStepGraphs } from './step-graphs.js';

/** What onnxruntime takes with its thread, and for each graph that is loaded, before anything runs; as measured. */
const runtimeBytes = { thread: 39 * 2 ** 20, graph: 1.3 * 2 ** 20 };

/**
 * What onnxruntime's memory pool holds for a graph, in multiples of its largest value, as measured: images in two layouts
 * and padded, windows, and what the pool loses by growing in steps. On the way back of a convolution with more than one place
 * there are shifted copies, and on that of a pooling whose windows overlap the places of the largest elements, in multiples of
 * what it reads. A transposed convolution has columns, and what it makes of them in multiples of that.
 */
const pool = { forward: 3.5, backward: 1.8, shifted: 7.8, overlapping: 5, enlarged: 3 };

const loadedBytes = (graphs: number): number => runtimeBytes.thread + graphs * runtimeBytes.graph;

/** Weights that a graph holds exist so many times more while it is loaded, as measured: its bytes, what is read of them, and what the runtime makes of that. */
const constantCopies = 3;

const bytesOf = (shapes: Iterable<Shape>): number => {
  let bytes = 0;
  for (const shape of shapes) bytes += 4 * elementCount(shape);
  return bytes;
};

/**
 * The most examples of a batch that run as one group, so that what they keep stays within `budget` bytes; at least 1. All of
 * them where a normalization uses the statistics of the batch.
 */
export function groupSize(graph: Graph, segments: readonly StepSegment[], budget: number): number {
  if (segments.some(({ forward }) => forward?.join)) return Number.POSITIVE_INFINITY;
  const bytes = keptBytes(graph, segments);
  return bytes === 0 ? Number.POSITIVE_INFINITY : Math.max(1, Math.floor(budget / bytes));
}

/** What an example keeps from stage to stage. */
function keptBytes(graph: Graph, segments: readonly StepSegment[]): number {
  return 4 * roomOf(graph, segments).sizes.reduce((sum, size) => sum + size, 0);
}

function arrangedBytes(layouts: Layouts, all: readonly Arrangements[]): number {
  const dims = new Map<string, Shape>();
  for (const arrangements of all) {
    for (const [name, { weights, arrangement }] of arrangements)
      dims.set(name, arrangedDims(layouts.dims(weights), arrangement));
  }
  return bytesOf(dims.values());
}

/** Bytes of an example as it comes, and of the engine's own copy. */
function inputBytes({ input }: Graph): number {
  return 2 * elementCount(input.shape) * (input.dtype === 'uint8' ? 1 : 4);
}

/** Bytes of an example in the largest of the poolings whose windows overlap. */
function overlappingBytes(nodes: readonly Node[], shapes: ReadonlyMap<string, Shape>): number {
  const read = nodes.flatMap((node) =>
    node.op === 'maxPool' && !isDisjoint(node) ? [shapes.get(node.inputs[0]!)!] : [],
  );
  return Math.max(0, ...read.map((shape) => bytesOf([shape])));
}

/** Bytes that the pool holds for an example in the graph of some nodes. */
function forwardBytes(
  { nodes, largest }: Pick<StepSegment, 'nodes' | 'largest'>,
  { variables }: Graph,
  shapes: ReadonlyMap<string, Shape>,
): number {
  const enlarged = nodes.flatMap((node) => {
    if (node.op !== 'conv2dTranspose') return [];
    const [kh, kw, channels] = variables.find(({ name }) => name === node.weights)!.shape;
    const [height, width] = shapes.get(node.inputs[0]!)!;
    return [bytesOf([[height!, width!, kh!, kw!, channels!]]) + pool.enlarged * bytesOf([node.shape])];
  });
  return Math.max(pool.forward * largest, ...enlarged);
}

/** What a training session takes. */
export function trainingMemory(plan: StepPlan, training: TrainingOptions): MemoryUse {
  const { graph, layouts, budgets } = plan;
  const segments = writeStepGraphs(plan, training);
  const graphs = segments.flatMap(({ forward, backward }) => [forward, backward].filter((one) => one !== undefined));
  const trained = new Set(trainedBy(graph, segments, training));
  const trainedBytes = bytesOf(graph.variables.filter(({ name }) => trained.has(name)).map(({ shape }) => shape));
  const shapes = new Map([graph.input, ...graph.nodes].map(({ name, shape }) => [name, shape]));
  const fixed =
    loadedBytes(graphs.length) +
    bytesOf(graph.variables.map(({ shape }) => shape)) +
    trainedBytes * (1 + training.optimizer.slots.length) +
    arrangedBytes(
      layouts,
      graphs.map(({ arrangements }) => arrangements),
    );
  const kept = keptBytes(graph, segments);
  const group = groupSize(graph, segments, budgets.kept);
  return (examples) => {
    const together = Math.ceil(examples / Math.max(1, Math.ceil(examples / group)));
    let bytes = fixed + examples * inputBytes(graph) + together * kept;
    for (const segment of segments) {
      const { piece, largest, nodes, forward, backward } = segment;
      const count = Math.min(piece, together);
      if (forward) bytes += count * forwardBytes(segment, graph, shapes);
      if (!backward) continue;
      const convolutions = backward.trained.filter((name) => layouts.isTurned(name)).map((name) => layouts.dims(name));
      const shifts = convolutions.some(([, , height, width]) => height! * width! > 1);
      bytes +=
        (shifts ? pool.shifted : pool.backward) * count * largest +
        pool.overlapping * count * overlappingBytes(nodes, shapes);
    }
    return bytes;
  };
}

/** What a session takes that predicts the graph's output. */
export function predictionMemory(plan: PredictionPlan): MemoryUse {
  const { graph, layouts } = plan;
  const segments = writePrediction(plan, [graph.output]);
  const shapes = new Map([graph.input, ...graph.nodes].map(({ name, shape }) => [name, shape]));
  const passed = bytesOf(segments.flatMap(({ outputs }) => outputs.map((name) => shapes.get(name)!)));
  const held = new Set(segments.flatMap(({ constants }) => [...constants]));
  const fixed =
    loadedBytes(segments.length) +
    bytesOf(graph.variables.map(({ shape }) => shape)) +
    constantCopies * bytesOf(graph.variables.filter(({ name }) => held.has(name)).map(({ shape }) => shape)) +
    arrangedBytes(
      layouts,
      segments.map(({ arrangements }) => arrangements),
    );
  return (examples) =>
    segments.reduce(
      (bytes, segment) => bytes + Math.min(segment.piece, examples) * forwardBytes(segment, graph, shapes),
      fixed + examples * (inputBytes(graph) + passed),
    );
}
