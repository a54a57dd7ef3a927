import {
  type BatchNormNode,
  type DropoutNode,
  EngineError,
  formatShape,
  type Graph,
  type Node,
  sameShape,
  type TrainingOptions,
  trainingNodes,
  usesBatchStatistics,
  variablesOf,
} from '@graftjs/core';
import {
  type Arrangements,
  type GradientContext,
  GraphWriter,
  type Layouts,
  type Lowering,
  lowerings,
} from '@graftjs/onnx';
import { cutIntoSegments, type Segment } from './segments.js';
import type { Budgets } from './session-parts.js';

/** Names of the inputs and outputs of a step's graphs besides values, variables and masks. */
export const stepNames = {
  labels: 'graft:labels',
  weights: 'graft:weights',
  loss: 'graft:loss',
  auxiliaryLoss: 'graft:auxiliary-loss',
  logits: 'graft:logits',
  /** The loss's gradient by a trained variable, and that so far, which it is added to. */
  variableGradient: (variable: string) => `${variable}:gradient`,
  gradientSoFar: (variable: string) => `${variable}:gradient-so-far`,
  /** The loss's gradient by the value of a node. */
  valueGradient: (node: string) => `${node}:gradient`,
};

/** An ONNX graph of a step, and what it takes and gives besides what is said where it is. */
export interface StepGraph {
  readonly bytes: Uint8Array;
  /** Nodes, or the graph's input, whose values are inputs. */
  readonly values: ReadonlySet<string>;
  /** Nodes whose values are outputs. */
  readonly gives: readonly string[];
  /** Variables that are inputs. */
  readonly variables: ReadonlySet<string>;
  /** Arranged weights that are inputs, by the inputs' names. */
  readonly arrangements: Arrangements;
  /** Variables whose gradients so far are inputs, and new sums outputs. */
  readonly trained: readonly string[];
  /** Dropouts by the inputs for their masks. */
  readonly masks: ReadonlyMap<string, DropoutNode>;
  /** Batch normalizations whose own statistics are inputs, and those whose are outputs. */
  readonly statistics: { readonly takes: Iterable<string>; readonly gives: Iterable<string> };
}

/** The graphs that a segment of a network needs for a step. */
export interface StepSegment extends Segment {
  /** Gives its output's value, and those that the way back reads. Absent in the last segment, whose way back does it all. */
  readonly forward?: StepGraph;
  /** Takes the gradient of its output (or is the last, with the loss), gives that of its input. Absent where nothing learns. */
  readonly backward?: StepGraph;
  /** Whether the gradient of its input is wanted. */
  readonly passesOn: boolean;
  /** Whether it needs the whole batch at once, for statistics of it. */
  readonly wholeBatch: boolean;
}

/** What a step is planned for. */
export interface StepPlan {
  readonly graph: Graph;
  readonly layouts: Layouts;
  /** Of the runtime's blocked layout. */
  readonly blockSize: number;
  readonly budgets: Budgets;
}

/** What an example leaves behind for the way back, by names of nodes. */
export interface Kept {
  readonly values: readonly string[];
  /** Gradients where the network is cut. */
  readonly gradients: readonly string[];
}

export function keptBy(segments: readonly StepSegment[]): Kept {
  return {
    values: [...new Set(segments.flatMap(({ forward }) => forward?.gives ?? []))],
    gradients: segments.filter(({ passesOn }) => passesOn).map(({ input }) => input),
  };
}

/** The batch normalizations that use the batch's own statistics in a training session. */
export function ownStatisticsOf(
  graph: Graph,
  { trainable, batchStatistics }: Pick<TrainingOptions, 'trainable' | 'batchStatistics'>,
): BatchNormNode[] {
  const trained = new Set(trainable);
  return trainingNodes(graph).filter(
    (node): node is BatchNormNode => node.op === 'batchNorm' && usesBatchStatistics(node, trained, batchStatistics),
  );
}

/** The nodes that the gradient has to pass: those with a trained variable of their own or of a node before them. */
function nodesThatLearn(nodes: readonly Node[], trainable: ReadonlySet<string>): Set<string> {
  const learns = new Set<string>();
  for (const node of nodes) {
    if (variablesOf(node).some((name) => trainable.has(name)) || node.inputs.some((name) => learns.has(name)))
      learns.add(node.name);
  }
  return learns;
}

/**
 * Writes the losses `sum(weights * cross entropy)` of the smoothed labels: the result's, and the sum of the auxiliary ones where
 * there are some.
 * @returns the gradient of them all by each of the logits
 */
function writeLosses({ onnx, value }: GraphWriter, graph: Graph, classes: number, labelSmoothing: number) {
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
  const lossOf = (output: string, factors: string): string => {
    const logProbabilities = onnx.add('LogSoftmax', [value(output)], { axis: -1 });
    const errors = onnx.add('Sub', [onnx.add('Exp', [logProbabilities]), truth]);
    gradients.set(output, onnx.add('Mul', [errors, factors]));
    const gains = onnx.add('Mul', [onnx.add('Mul', [truth, logProbabilities]), factors]);
    return onnx.add('Neg', [onnx.add('ReduceSum', [gains], { keepdims: 0 })]);
  };
  onnx.output(lossOf(graph.output, weights), stepNames.loss, 'float32', []);
  onnx.output(value(graph.output), stepNames.logits, 'float32', ['N', classes]);
  const auxiliary = graph.auxiliary.map(({ output, weight }) =>
    lossOf(output, onnx.add('Mul', [weights, onnx.floats([weight])])),
  );
  if (auxiliary.length > 0) {
    const sum = auxiliary.reduce((some, one) => onnx.add('Add', [some, one]));
    onnx.output(sum, stepNames.auxiliaryLoss, 'float32', []);
  }
  return gradients;
}

/** The classes of the network's logits, which its auxiliary ones have as well. */
function classesOf(graph: Graph): number {
  const shapes = new Map(graph.nodes.map(({ name, shape }) => [name, shape]));
  const classes = shapes.get(graph.output)!;
  for (const name of [graph.output, ...graph.auxiliary.map(({ output }) => output)]) {
    const shape = shapes.get(name)!;
    if (shape.length === 1 && sameShape(shape, classes)) continue;
    throw new EngineError(
      'engine/output',
      `${name} of ${graph.name} gives ${formatShape(shape)}; a classifier's logits have one axis, auxiliary ones that of the result.`,
    );
  }
  return classes[0]!;
}

/**
 * One training step without the optimizer as ONNX graphs, two for each segment and one for the last: forward, the loss,
 * and its gradient by each trained variable, added to what there is. Nothing is computed below the lowest of these on
 * the way back.
 */
export function writeStepGraphs(
  { graph, layouts, blockSize, budgets }: StepPlan,
  training: Pick<TrainingOptions, 'trainable' | 'labelSmoothing' | 'batchStatistics'>,
): StepSegment[] {
  const { labelSmoothing = 0 } = training;
  const trainable = new Set(training.trainable);
  const ownStatistics = new Set(ownStatisticsOf(graph, training).map(({ name }) => name));
  const classes = classesOf(graph);
  const segments = cutIntoSegments(graph, trainingNodes(graph), { pieceBytes: budgets.piece }).map((segment) => {
    // Statistics of a batch are of all its examples, so these cannot run in pieces, whatever memory that takes.
    const wholeBatch = segment.nodes.some(({ name }) => ownStatistics.has(name));
    return { ...segment, wholeBatch, piece: wholeBatch ? Number.POSITIVE_INFINITY : segment.piece };
  });
  const nodes = segments.flatMap((segment) => segment.nodes);
  const learns = nodesThatLearn(nodes, trainable);
  const writerOptions = ({ piece }: Segment) => ({ dropsOut: true, single: piece === 1, blockSize, ownStatistics });
  const described = (writer: GraphWriter, gives: readonly string[], trained: readonly string[]): StepGraph => {
    const { taken: values, variables, arrangements, masks } = writer;
    const statistics = { takes: writer.takenStatistics, gives: [...writer.givenStatistics.keys()] };
    return { bytes: writer.onnx.encode(true), values, gives, variables, arrangements, trained, masks, statistics };
  };

  /**
   * Writes the way back through a segment's nodes.
   * @param given the gradients by values that it begins with
   * @returns the variables whose gradients it found
   */
  function writeBack(writer: GraphWriter, segment: Segment, given: ReadonlyMap<string, string>): string[] {
    const { onnx } = writer;
    const gradients = new Map(given);
    const trained: string[] = [];
    for (const node of [...segment.nodes].reverse()) {
      const dy = gradients.get(node.name);
      if (dy === undefined || !learns.has(node.name)) continue;
      const soFar = (variable: string) =>
        onnx.input(stepNames.gradientSoFar(variable), 'float32', layouts.dims(variable));
      const setGradient = (variable: string, sum: string) => {
        trained.push(variable);
        onnx.output(sum, stepNames.variableGradient(variable), 'float32', layouts.dims(variable));
      };
      const context: GradientContext = {
        ...writer,
        wantsInput: node.inputs.some((name) => learns.has(name)),
        trains: (variable) => trainable.has(variable),
        gradientSoFar: soFar,
        setGradient,
        addGradient: (variable, value) => setGradient(variable, onnx.add('Add', [soFar(variable), value])),
      };
      const inputs = (lowerings[node.op] as Lowering<Node>).backward(context, node, dy);
      for (const [index, dx] of inputs.entries()) {
        if (dx === undefined) continue;
        const name = node.inputs[index]!;
        const others = gradients.get(name);
        gradients.set(name, others === undefined ? dx : onnx.add('Add', [others, dx]));
      }
    }
    const passedOn = gradients.get(segment.input);
    if (passedOn !== undefined && learns.has(segment.input))
      onnx.output(passedOn, stepNames.valueGradient(segment.input), 'float32', writer.dims(segment.input));
    return trained;
  }

  return segments.map((segment): StepSegment => {
    const passesOn = learns.has(segment.input);
    // All losses are in the last: no cut comes after an output of the network.
    if (segment === segments.at(-1)) {
      // The gradient of gamma takes what gamma multiplies, so that has to be there.
      const kept = segment.nodes.flatMap((node) =>
        node.op === 'batchNorm' && node.gamma !== undefined && trainable.has(node.gamma) ? node.inputs : [],
      );
      const writer = new GraphWriter(graph, layouts, { ...writerOptions(segment), kept });
      writer.write(segment.nodes);
      const gradients = writeLosses(writer, graph, classes, labelSmoothing);
      return { ...segment, backward: described(writer, [], writeBack(writer, segment, gradients)), passesOn };
    }
    const inside = new Set(segment.nodes.map(({ name }) => name));
    let backward: StepGraph | undefined;
    if (learns.has(segment.output)) {
      const writer = new GraphWriter(graph, layouts, writerOptions(segment));
      const gradient = writer.onnx.input(
        stepNames.valueGradient(segment.output),
        'float32',
        writer.dims(segment.output),
      );
      backward = described(writer, [], writeBack(writer, segment, new Map([[segment.output, gradient]])));
    }
    const gives = new Set([segment.output, ...(backward?.values ?? [])].filter((name) => inside.has(name)));
    const writer = new GraphWriter(graph, layouts, { ...writerOptions(segment), kept: gives });
    writer.write(segment.nodes);
    for (const name of gives) writer.give(name);
    return { ...segment, forward: described(writer, [...gives], []), ...(backward && { backward }), passesOn };
  });
}
