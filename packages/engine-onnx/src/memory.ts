import { elementCount, type Graph, type MemoryUse, type Shape, type TrainingOptions } from '@graftjs/core';
import { type Arrangements, arrangedDims, isHeavy, type Layouts } from '@graftjs/onnx';
import { type PredictionPlan, writePrediction } from './prediction.js';
import { roomOf, type StepPlan, type StepSegment, trainedBy, writeStepGraphs } from './step-graphs.js';

/** What onnxruntime takes with its thread and the graphs of a session, before anything runs. */
const runtimeBytes = 72 * 2 ** 20;

/**
 * What onnxruntime's memory pool holds for a graph, in multiples of its largest value, as measured: pictures in two layouts
 * and padded, windows, and what the pool loses by growing in steps. On the way back of a convolution with more than one place there are shifted
 * copies besides.
 */
const pool = { forward: 5, backward: 3, shifted: 14 };

/** On the way back of a convolution its weights exist so many times more, while their gradient is put together; not heavy ones. */
const weightCopies = 3;

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
  if (segments.some(({ forward }) => forward && forward.statistics.gives.size > 0)) return Number.POSITIVE_INFINITY;
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

/** What a training session takes. */
export function trainingMemory(plan: StepPlan, training: TrainingOptions): MemoryUse {
  const { graph, layouts, budgets } = plan;
  const segments = writeStepGraphs(plan, training);
  const graphs = segments.flatMap(({ forward, backward }) => [forward, backward].filter((one) => one !== undefined));
  const trained = new Set(trainedBy(graph, segments, training));
  const trainedBytes = bytesOf(graph.variables.filter(({ name }) => trained.has(name)).map(({ shape }) => shape));
  const fixed =
    runtimeBytes +
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
    for (const { piece, largest, forward, backward } of segments) {
      const values = Math.min(piece, together) * largest;
      if (forward) bytes += pool.forward * values;
      if (!backward) continue;
      const convolutions = backward.trained.filter((name) => layouts.isTurned(name)).map((name) => layouts.dims(name));
      const shifts = convolutions.some(([, , height, width]) => height! * width! > 1);
      bytes +=
        (shifts ? pool.shifted : pool.backward) * values +
        weightCopies * Math.max(0, ...convolutions.filter((dims) => !isHeavy(dims)).map((dims) => bytesOf([dims])));
    }
    return bytes;
  };
}

/** What a session takes that predicts the graph's output. */
export function predictionMemory(plan: PredictionPlan): MemoryUse {
  const { graph, layouts } = plan;
  const segments = writePrediction(plan, [graph.output]);
  const shapes = new Map(graph.nodes.map(({ name, shape }) => [name, shape]));
  const passed = bytesOf(segments.flatMap(({ outputs }) => outputs.map((name) => shapes.get(name)!)));
  const fixed =
    runtimeBytes +
    bytesOf(graph.variables.map(({ shape }) => shape)) +
    arrangedBytes(
      layouts,
      segments.map(({ arrangements }) => arrangements),
    );
  return (examples) =>
    segments.reduce(
      (bytes, { piece, largest }) => bytes + pool.forward * Math.min(piece, examples) * largest,
      fixed + examples * (inputBytes(graph) + passed),
    );
}
