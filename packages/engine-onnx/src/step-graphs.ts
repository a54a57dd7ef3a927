import {
  type BatchNormNode,
  type DropoutNode,
  elementCount,
  type Graph,
  type Node,
  type Shape,
  type TrainingOptions,
  trainingNodes,
  variablesOf,
} from '@graftjs/core';
import { logitsOf, nodesThatLearn, ownStatisticsOf } from '@graftjs/core/engine-kit';
import {
  type Arrangements,
  batchValueNames,
  type GradientContext,
  GraphWriter,
  gradientThroughStatistics,
  type JoinGraph,
  joinStatistics,
  joinSums,
  type Layouts,
  type Lowering,
  lowerings,
  nameSoFar,
  valueName,
} from '@graftjs/onnx';
import { cutIntoSegments, type Segment } from './segments.js';
import type { Budgets } from './session-parts.js';
import { type Lifetime, type SharedRoom, shareRoom } from './shared-room.js';

/** Names of the inputs and outputs of a step's graphs besides values, variables, masks and statistics. */
export const stepNames = {
  labels: 'graft:labels',
  weights: 'graft:weights',
  loss: 'graft:loss',
  auxiliaryLoss: 'graft:auxiliary-loss',
  logits: 'graft:logits',
  /** The loss's gradient by a trained variable, or by the value of a node. */
  gradient: (name: string) => `${name}:gradient`,
  /** That of a normalization by the batch's own statistics, for the segment that computed its input. */
  gradientAbove: (name: string) => `${name}:gradient-above`,
};

/** An ONNX graph of a step, and what it takes and gives besides what is said where it is. */
export interface StepGraph {
  readonly bytes: Uint8Array;
  /** Nodes, or the graph's input, whose values are inputs. */
  readonly values: ReadonlySet<string>;
  /** Nodes whose values are outputs. */
  readonly gives: readonly string[];
  /**
   * Gradients that are inputs, outputs, and outputs that are added to what there is: the nodes whose values they are by, by the
   * names that they are kept under.
   */
  readonly gradients: {
    readonly takes: ReadonlyMap<string, string>;
    readonly gives: ReadonlyMap<string, string>;
    readonly adds: ReadonlySet<string>;
  };
  /** Variables that are inputs. */
  readonly variables: ReadonlySet<string>;
  /** Arranged weights that are inputs, by the inputs' names. */
  readonly arrangements: Arrangements;
  /** Variables whose gradients so far are inputs, and new sums outputs. */
  readonly trained: readonly string[];
  /** Dropouts by the inputs for their masks. */
  readonly masks: ReadonlyMap<string, DropoutNode>;
  /** Values of the whole batch that are inputs, of normalizations by its own statistics. */
  readonly batchValues: ReadonlySet<string>;
  /** What joins its parts of such values, once all examples of the batch have been through. */
  readonly join?: JoinGraph;
}

/** The graphs that a segment of a network needs for a step. */
export interface StepSegment extends Segment {
  /** Gives the values that later segments and the ways back read. Absent in the last segment, whose way back does it all. */
  readonly forward?: StepGraph;
  /** Takes the gradients of its outputs (or is the last, with the loss), gives those of its inputs. Absent where nothing learns. */
  readonly backward?: StepGraph;
}

/** What a step is planned for. */
export interface StepPlan {
  readonly graph: Graph;
  readonly layouts: Layouts;
  /** Of the runtime's blocked layout. */
  readonly blockSize: number;
  readonly budgets: Budgets;
}

/** The stages of a step in their order: all forward graphs, then all ways back. */
export function stagesOf(segments: readonly StepSegment[]): { readonly piece: number; readonly step: StepGraph }[] {
  const stage = (kind: 'forward' | 'backward') => (segment: StepSegment) => {
    const step = segment[kind];
    return step ? [{ piece: segment.piece, step }] : [];
  };
  return [...segments.flatMap(stage('forward')), ...[...segments].reverse().flatMap(stage('backward'))];
}

/** Where an example's values and gradients are kept from stage to stage, by the names of the graphs' inputs. */
export function roomOf(graph: Graph, segments: readonly StepSegment[]): SharedRoom {
  const sizes = new Map(graph.nodes.map(({ name, shape }) => [name, elementCount(shape)]));
  const lifetimes = new Map<string, Lifetime>();
  for (const [stage, { step }] of stagesOf(segments).entries()) {
    const use = (name: string, node: string) => {
      const from = lifetimes.get(name)?.from ?? stage;
      lifetimes.set(name, { name, size: sizes.get(node)!, from, to: stage });
    };
    for (const node of [...step.values, ...step.gives]) if (sizes.has(node)) use(valueName(node), node);
    for (const [name, node] of [...step.gradients.takes, ...step.gradients.gives]) use(name, node);
  }
  return shareRoom([...lifetimes.values()]);
}

/** The variables whose gradients a step finds. */
export function trainedBy(
  { nodes }: Graph,
  segments: readonly StepSegment[],
  { trainable }: Pick<TrainingOptions, 'trainable'>,
): string[] {
  const joined = new Set(segments.flatMap(({ backward }) => backward?.join?.gives ?? []));
  const summed = nodes.filter(({ name }) => joined.has(batchValueNames(name).sum)).flatMap((node) => variablesOf(node));
  const learnt = segments.flatMap(({ backward }) => backward?.trained ?? []);
  return [...learnt, ...summed.filter((name) => trainable.includes(name))];
}

/**
 * Writes the losses `sum(weights * cross entropy)` of the smoothed labels, those of each pixel where the logits are images: the
 * result's, and the sum of the auxiliary ones where there are some.
 * @returns the gradient of them all by each of the logits
 */
function writeLosses({ onnx, value }: GraphWriter, graph: Graph, logits: Shape, labelSmoothing: number) {
  const classes = logits.at(-1)!;
  const isImage = logits.length === 3;
  /** Logits as rows of one class each. */
  const rowsOf = (output: string): string => {
    if (!isImage) return value(output);
    return onnx.add('Reshape', [
      onnx.add('Transpose', [value(output)], { perm: [0, 2, 3, 1] }),
      onnx.ints([-1, classes]),
    ]);
  };
  const fromRows = (rows: string): string => {
    if (!isImage) return rows;
    return onnx.add('Transpose', [onnx.add('Reshape', [rows, onnx.ints([-1, ...logits])])], { perm: [0, 3, 1, 2] });
  };
  const labels = onnx.add('Unsqueeze', [onnx.input(stepNames.labels, 'int32', ['N']), onnx.ints([1])]);
  const indices = onnx.add('Cast', [onnx.ints(Array.from({ length: classes }, (_, index) => index))], { to: 6 });
  const oneHot = onnx.add('Cast', [onnx.add('Equal', [labels, indices])], { to: 1 });
  const truth =
    labelSmoothing === 0
      ? oneHot
      : onnx.add('Add', [
          onnx.add('Mul', [oneHot, onnx.floats([1 - labelSmoothing])]),
          onnx.floats([labelSmoothing / classes]),
        ]);
  const weights = onnx.add('Unsqueeze', [onnx.input(stepNames.weights, 'float32', ['N']), onnx.ints([1])]);
  const gradients = new Map<string, string>();
  const lossOf = (output: string, rows: string, factors: string): string => {
    const logProbabilities = onnx.add('LogSoftmax', [rows], { axis: -1 });
    const errors = onnx.add('Sub', [onnx.add('Exp', [logProbabilities]), truth]);
    gradients.set(output, fromRows(onnx.add('Mul', [errors, factors])));
    const gains = onnx.add('Mul', [onnx.add('Mul', [truth, logProbabilities]), factors]);
    return onnx.add('Neg', [onnx.add('ReduceSum', [gains], { keepdims: 0 })]);
  };
  const rows = rowsOf(graph.output);
  onnx.output(lossOf(graph.output, rows, weights), stepNames.loss, 'float32', []);
  onnx.output(rows, stepNames.logits, 'float32', ['N', classes]);
  const auxiliary = graph.auxiliary.map(({ output, weight }) =>
    lossOf(output, rowsOf(output), onnx.add('Mul', [weights, onnx.floats([weight])])),
  );
  if (auxiliary.length > 0) {
    const sum = auxiliary.reduce((some, one) => onnx.add('Add', [some, one]));
    onnx.output(sum, stepNames.auxiliaryLoss, 'float32', []);
  }
  return gradients;
}

/** Operations that are done again on the way back, where what they read is there, for less than what keeping costs. */
const repeatable: ReadonlySet<string> = new Set(['normalize', 'batchNorm', 'relu', 'add', 'concat']);

/** The nodes of a segment that can be done again from its inputs and outputs alone; the latter are kept. */
function recomputedIn({ nodes, outputs }: Segment): Set<string> {
  const computed = new Set(nodes.map(({ name }) => name));
  const recomputed = new Set<string>();
  const available = (name: string) => !computed.has(name) || outputs.includes(name) || recomputed.has(name);
  for (const { name, op, inputs } of nodes)
    if (repeatable.has(op) && !outputs.includes(name) && inputs.every(available)) recomputed.add(name);
  return recomputed;
}

/**
 * One training step without the optimizer as ONNX graphs, two for each segment and one for the last: forward, the loss,
 * and its gradient by each trained variable, added to what there is. Nothing is computed below the lowest of these on
 * the way back.
 *
 * A normalization by the batch's own statistics has these when all examples have been through the segment before. On the way
 * back it needs sums over all examples too: its own segment gives these and passes on the gradient of its value, and the
 * segment that computed its input turns that into the gradient of the input.
 */
export function writeStepGraphs(
  { graph, layouts, blockSize, budgets }: StepPlan,
  training: Pick<TrainingOptions, 'trainable' | 'labelSmoothing' | 'batchStatistics'>,
): StepSegment[] {
  const { labelSmoothing = 0 } = training;
  const trainable = new Set(training.trainable);
  const own = new Map(ownStatisticsOf(graph, training).map((node) => [node.name, node]));
  const ownStatistics = new Set(own.keys());
  const logits = logitsOf(graph);
  const needed = trainingNodes(graph);
  const results = [graph.output, ...graph.auxiliary.map(({ output }) => output)];
  const cuts = { pieceBytes: budgets.piece, allBytes: budgets.pieces, waiting: ownStatistics };
  const segments = cutIntoSegments(graph, needed, results, cuts);
  const learns = nodesThatLearn(needed, trainable);
  /** Gradients that are kept, by now in full or in part. */
  const known = new Set<string>();

  const writerFor = ({ piece }: Segment, options: { kept?: Iterable<string>; recomputed?: ReadonlySet<string> }) =>
    new GraphWriter(graph, layouts, { dropsOut: true, single: piece === 1, blockSize, ownStatistics, ...options });

  const computes = ({ nodes }: Segment, name: string) =>
    nodes.some((node) => node.name === name) || (nodes.length === 0 && name === graph.input.name);

  function describe(writer: GraphWriter, parts: Partial<StepGraph>): StepGraph {
    const { taken: values, variables, arrangements, masks, batchValues } = writer;
    const gradients = { takes: new Map(), gives: new Map(), adds: new Set<string>() };
    const rest = { variables, arrangements, masks, batchValues };
    return { bytes: writer.onnx.encode(true), values, gives: [], trained: [], gradients, ...rest, ...parts };
  }

  /**
   * Writes the way back through a segment's nodes.
   * @param losses the gradients of the losses by the results' values, where they are written
   */
  function writeBack(writer: GraphWriter, segment: Segment, losses: ReadonlyMap<string, string> = new Map()) {
    const { onnx } = writer;
    const gradients = new Map(losses);
    const [takes, gives, adds] = [new Map<string, string>(), new Map<string, string>(), new Set<string>()];
    const trained: string[] = [];
    const summed: BatchNormNode[] = [];
    const input = (name: string, dims: readonly (number | string)[]) => onnx.input(name, 'float32', dims);
    const join = (node: string, dx: string) => {
      const others = gradients.get(node);
      gradients.set(node, others === undefined ? dx : onnx.add('Add', [others, dx]));
    };
    const take = (name: string, node: string) => {
      takes.set(name, node);
      return input(name, writer.dims(node));
    };
    for (const name of segment.outputs) {
      const gradient = stepNames.gradient(name);
      if (known.has(gradient)) join(name, take(gradient, name));
    }
    for (const node of own.values()) {
      const gradient = stepNames.gradientAbove(node.name);
      const [before] = node.inputs as [string];
      if (!known.has(gradient) || !computes(segment, before)) continue;
      const { slope, scale, shift } = batchValueNames(node.name);
      for (const name of [slope, scale, shift]) writer.batchValue(name, node);
      join(before, gradientThroughStatistics(writer, node, take(gradient, node.name), { slope, scale, shift }));
    }
    const give = (name: string, node: string, gradient: string) => {
      gives.set(name, node);
      if (known.has(name)) adds.add(name);
      const whole = known.has(name) ? onnx.add('Add', [input(nameSoFar(name), writer.dims(node)), gradient]) : gradient;
      onnx.output(whole, name, 'float32', writer.dims(node));
    };
    for (const node of [...segment.nodes].reverse()) {
      const dy = gradients.get(node.name);
      if (dy === undefined || !learns.has(node.name)) continue;
      const soFar = (variable: string) =>
        input(nameSoFar(stepNames.gradient(variable)), layouts.gradientDims(variable));
      const setGradient = (variable: string, sum: string) => {
        trained.push(variable);
        onnx.output(sum, stepNames.gradient(variable), 'float32', layouts.gradientDims(variable));
      };
      const context: GradientContext = {
        ...writer,
        wantsInput: node.inputs.some((name) => learns.has(name)),
        trains: (variable) => trainable.has(variable),
        gradientSoFar: soFar,
        setGradient,
        addGradient(variable, value) {
          const dims = layouts.gradientDims(variable);
          const isMatrix = layouts.dims(variable).length === dims.length;
          const part = isMatrix ? value : onnx.add('Reshape', [value, onnx.ints(dims)]);
          setGradient(variable, onnx.add('Add', [soFar(variable), part]));
        },
        giveSums(batchNorm, found) {
          summed.push(batchNorm);
          writer.givePiece(batchNorm, found);
          if (learns.has(node.inputs[0]!)) give(stepNames.gradientAbove(node.name), node.name, dy);
        },
      };
      const inputs = (lowerings[node.op] as Lowering<Node>).backward(context, node, dy);
      for (const [index, dx] of inputs.entries()) if (dx !== undefined) join(node.inputs[index]!, dx);
    }
    for (const [name, gradient] of gradients) {
      if (!computes(segment, name) && learns.has(name)) give(stepNames.gradient(name), name, gradient);
    }
    for (const name of gives.keys()) known.add(name);
    return { trained, gradients: { takes, gives, adds }, ...(summed.length > 0 && { join: joinSums(summed) }) };
  }

  const backward = new Map<Segment, StepGraph>();
  const last = segments.at(-1)!;
  for (const segment of [...segments].reverse()) {
    if (segment === last) {
      // The gradient of gamma takes what gamma multiplies, so that has to be there.
      const kept = segment.nodes.flatMap((node) =>
        node.op === 'batchNorm' && node.gamma !== undefined && trainable.has(node.gamma) ? node.inputs : [],
      );
      const writer = writerFor(segment, { kept });
      writer.write(segment.nodes);
      const losses = writeLosses(writer, graph, logits, labelSmoothing);
      backward.set(segment, describe(writer, writeBack(writer, segment, losses)));
    } else if (segment.nodes.some(({ name }) => learns.has(name))) {
      const writer = writerFor(segment, { recomputed: recomputedIn(segment) });
      backward.set(segment, describe(writer, writeBack(writer, segment)));
    }
  }
  return segments.map((segment): StepSegment => {
    const back = backward.get(segment);
    if (segment === last) return { ...segment, backward: back! };
    const inside = new Set(segment.nodes.map(({ name }) => name));
    const gives = [...new Set([...segment.outputs, ...(back?.values ?? [])])].filter((name) => inside.has(name));
    const writer = writerFor(segment, { kept: gives });
    writer.write(segment.nodes);
    for (const name of gives) writer.give(name);
    const normalized = [...own.values()].filter((node) => computes(segment, node.inputs[0]!));
    for (const node of normalized) writer.giveStatistics(node);
    const join = normalized.length > 0 && { join: joinStatistics(normalized) };
    return { ...segment, forward: describe(writer, { gives, ...join }), ...(back && { backward: back }) };
  });
}
