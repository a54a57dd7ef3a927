import { type DropoutNode, EngineError, type Graph, type Node, variablesOf } from '@graftjs/core';
import { GraphWriter, nodesFor } from './graph-writer.js';
import type { Layouts } from './layouts.js';
import type { GradientContext, Lowering } from './lowering.js';
import { lowerings } from './lowerings.js';

/** Names of the inputs and outputs of a training graph besides the graph's own input, its variables and masks. */
export const trainingNames = {
  labels: 'graft:labels',
  weights: 'graft:weights',
  loss: 'graft:loss',
  logits: 'graft:logits',
  gradient: (variable: string) => `${variable}:gradient`,
  gradientSoFar: (variable: string) => `${variable}:gradient-so-far`,
};

export interface TrainingGraph {
  readonly bytes: Uint8Array;
  /** The trained variables whose gradients are outputs: those that the result depends on. */
  readonly trained: readonly string[];
  /** Those of them whose gradient so far is an input, so that the output is the sum of both. */
  readonly summed: ReadonlySet<string>;
  /** The dropouts whose masks are inputs. */
  readonly dropouts: readonly DropoutNode[];
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
 * One training step without the optimizer as an ONNX graph: the loss `sum(weights * cross entropy)` of the smoothed labels,
 * the logits, and the loss's gradient by each trained variable. Nothing is computed below the lowest of these on the way back.
 */
export function writeTrainingGraph(
  graph: Graph,
  layouts: Layouts,
  trainable: ReadonlySet<string>,
  labelSmoothing = 0,
): TrainingGraph {
  const nodes = nodesFor(graph, [graph.output]);
  const learns = nodesThatLearn(nodes, trainable);
  const output = nodes.at(-1)!;
  if (output.shape.length !== 1) {
    throw new EngineError(
      'engine/output',
      `${graph.name} gives ${output.shape.join('x')}; a classifier's logits have one axis.`,
    );
  }

  const writer = new GraphWriter(graph, layouts, { dropsOut: true });
  const { onnx } = writer;
  writer.writeInput();
  for (const node of nodes) writer.writeNode(node);

  const classes = output.shape[0]!;
  const logits = writer.value(output.name);
  const labels = onnx.add('Unsqueeze', [onnx.input(trainingNames.labels, 'int32', ['N']), onnx.ints([1])]);
  const indices = onnx.add('Cast', [onnx.ints(Array.from({ length: classes }, (_, index) => index))], { to: 6 });
  const oneHot = onnx.add('Cast', [onnx.add('Equal', [labels, indices])], { to: 1 });
  const truth =
    labelSmoothing === 0
      ? oneHot
      : onnx.add('Add', [
          onnx.add('Mul', [oneHot, onnx.floats([1 - labelSmoothing])]),
          onnx.floats([labelSmoothing / classes]),
        ]);
  const logProbabilities = onnx.add('LogSoftmax', [logits], { axis: -1 });
  const weights = onnx.add('Unsqueeze', [onnx.input(trainingNames.weights, 'float32', ['N']), onnx.ints([1])]);
  const gains = onnx.add('Mul', [onnx.add('Mul', [truth, logProbabilities]), weights]);
  onnx.output(onnx.add('Neg', [onnx.add('ReduceSum', [gains], { keepdims: 0 })]), trainingNames.loss, 'float32', []);
  onnx.output(logits, trainingNames.logits, 'float32', ['N', classes]);

  const errors = onnx.add('Sub', [onnx.add('Exp', [logProbabilities]), truth]);
  const gradients = new Map([[output.name, onnx.add('Mul', [errors, weights])]]);
  const trained: string[] = [];
  const summed = new Set<string>();
  for (const node of [...nodes].reverse()) {
    const dy = gradients.get(node.name);
    if (dy === undefined || !learns.has(node.name)) continue;
    const context: GradientContext = {
      ...writer,
      wantsInput: learns.has(node.inputs[0]!),
      trains: (variable: string) => trainable.has(variable),
      gradientSoFar(variable: string) {
        summed.add(variable);
        return onnx.input(trainingNames.gradientSoFar(variable), 'float32', layouts.dims(variable));
      },
      setGradient(variable: string, value: string) {
        trained.push(variable);
        onnx.output(value, trainingNames.gradient(variable), 'float32', layouts.dims(variable));
      },
    };
    const inputs = (lowerings[node.op] as Lowering<Node>).backward(context, node, dy);
    for (const [index, dx] of inputs.entries()) {
      if (dx === undefined) continue;
      const name = node.inputs[index]!;
      const others = gradients.get(name);
      gradients.set(name, others === undefined ? dx : onnx.add('Add', [others, dx]));
    }
  }
  const dropouts = nodes.filter((node): node is DropoutNode => node.op === 'dropout' && node.keep < 1);
  return { bytes: onnx.encode(), trained, summed, dropouts };
}
