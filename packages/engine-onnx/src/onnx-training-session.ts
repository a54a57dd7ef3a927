import {
  type Batch,
  type BatchResult,
  clipGradients,
  EngineError,
  elementCount,
  type Graph,
  type TrainingOptions,
  type TrainingSession,
} from '@graftjs/core';
import type { InferenceSession, Tensor } from 'onnxruntime-common';
import { dropoutMask } from './dropout-mask.js';
import { engineDims, maskName } from './graph-writer.js';
import { createSession, inputTensor, runModel, type SessionParts, variableFeeds } from './onnx-session.js';
import { loadModel } from './runtime.js';
import { trainingNames, writeTrainingGraph } from './training-graph.js';

/** Bytes of activations that one run of the training graph may take; a larger batch is cut into pieces. */
const activationBudget = 512 * 2 ** 20;

/** The most examples whose activations fit the budget, at least 1. */
function pieceSize(graph: Graph): number {
  let bytes = 0;
  for (const { shape } of graph.nodes) bytes += 4 * elementCount(shape);
  return Math.max(1, Math.floor(activationBudget / bytes));
}

/** Adds `weightDecay * weights` to a gradient. */
function addDecay(gradient: Float32Array, weights: Float32Array, weightDecay: number): void {
  for (let i = 0; i < gradient.length; i++) gradient[i] = gradient[i]! + weightDecay * weights[i]!;
}

function sumOfSquares(values: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! * values[i]!;
  return sum;
}

/** What one trained variable needs besides its values. */
interface Trained {
  readonly name: string;
  readonly decayed: boolean;
  readonly weights: Float32Array;
  readonly slots: readonly Float32Array[];
  /** The sum over the pieces since the last update. */
  readonly gradient: Float32Array;
  /** Whether a piece's run adds to the sum itself: then the sum's array is its input and its output. */
  readonly summed: boolean;
  /** Where a piece's gradient arrives that has to be added; made when the first such piece comes. */
  piece?: Float32Array;
}

/**
 * The step is one ONNX graph that ends in gradients; the optimizer runs outside of it, over the engine's own arrays. A
 * batch runs in pieces whose gradients add up.
 */
export async function createTrainingSession(parts: SessionParts, training: TrainingOptions): Promise<TrainingSession> {
  const { graph, layouts, store, runtime, options } = parts;
  const { optimizer } = training;
  const [lossDecay, ownDecay] = optimizer.decoupledDecay
    ? [0, training.weightDecay ?? 0]
    : [training.weightDecay ?? 0, 0];
  const step = writeTrainingGraph(graph, layouts, new Set(training.trainable), training.labelSmoothing);
  const model: InferenceSession = await loadModel(runtime, step.bytes, `the training step of ${graph.name}`, options);
  const decayed = new Set(graph.variables.filter((variable) => variable.decayed).map(({ name }) => name));
  const trained = step.trained.map((name): Trained => {
    const weights = store.array(name);
    const gradient = new Float32Array(weights.length);
    return {
      name,
      decayed: decayed.has(name),
      weights,
      slots: store.addSlots(name, optimizer),
      gradient,
      summed: step.summed.has(name),
    };
  });
  const gradients = trained.map(({ gradient }) => gradient);
  const scalars = store.addScalars(optimizer);
  const frozen = [...decayed].filter((name) => !step.trained.includes(name));
  const classes = elementCount(graph.nodes.find(({ name }) => name === graph.output)!.shape);
  const piece = pieceSize(graph);
  const session = createSession(parts);
  let frozenSquares: number | undefined;
  let pieces = 0;

  function checkLabels({ labels, weights }: Batch): void {
    if (labels.length === 0)
      throw new EngineError('engine/batch', 'A batch has at least one example; an empty one came.');
    const wrong = labels.findIndex((label) => !(label >= 0 && label < classes));
    if (wrong >= 0) {
      throw new EngineError(
        'engine/label',
        `Label ${labels[wrong]} (example ${wrong}) is no class: there are ${classes}, from 0 on.`,
      );
    }
    if (weights && weights.length !== labels.length) {
      throw new EngineError(
        'engine/batch',
        `A batch of ${labels.length} examples came with ${weights.length} weights.`,
      );
    }
  }

  /** Runs examples `from` to `to` of the batch and adds their gradients; gives their part of the loss. */
  async function runPiece(
    batch: Batch,
    weights: Float32Array,
    from: number,
    to: number,
    logits: Float32Array,
  ): Promise<number> {
    const count = to - from;
    const size = elementCount(graph.input.shape);
    const feeds: Record<string, Tensor> = {
      ...variableFeeds(parts, model),
      [graph.input.name]: inputTensor(parts, batch.inputs.subarray(from * size, to * size), count),
      [trainingNames.labels]: new runtime.Tensor('int32', batch.labels.subarray(from, to), [count]),
      [trainingNames.weights]: new runtime.Tensor('float32', weights.subarray(from, to), [count]),
    };
    for (const [layer, node] of step.dropouts.entries()) {
      const mask = dropoutMask(node.keep, batch.seed ?? 0, layer, from, count, elementCount(node.shape));
      feeds[maskName(node)] = new runtime.Tensor('float32', mask, [
        count,
        ...(engineDims(node.shape).slice(1) as number[]),
      ]);
    }
    const loss = new Float32Array(1);
    const fetches: Record<string, Tensor> = {
      [trainingNames.loss]: new runtime.Tensor('float32', loss, []),
      [trainingNames.logits]: new runtime.Tensor('float32', logits.subarray(from * classes, to * classes), [
        count,
        classes,
      ]),
    };
    for (const variable of trained) {
      const { name, gradient, summed } = variable;
      const tensor = (values: Float32Array) => new runtime.Tensor('float32', values, layouts.dims(name));
      if (summed) feeds[trainingNames.gradientSoFar(name)] = tensor(gradient);
      else if (pieces > 0) variable.piece ??= new Float32Array(gradient.length);
      const target = summed || pieces === 0 ? gradient : variable.piece!;
      fetches[trainingNames.gradient(name)] = tensor(target);
    }
    await runModel(model, feeds, fetches);
    if (pieces > 0) {
      for (const { gradient, piece, summed } of trained) {
        if (summed) continue;
        for (let i = 0; i < gradient.length; i++) gradient[i] = gradient[i]! + piece![i]!;
      }
    }
    pieces++;
    return loss[0]!;
  }

  return {
    ...session,
    write(name, values) {
      if (frozen.includes(name)) frozenSquares = undefined;
      session.write(name, values);
    },
    async accumulate(batch): Promise<BatchResult> {
      checkLabels(batch);
      const count = batch.labels.length;
      const weights = batch.weights ?? new Float32Array(count).fill(1 / count);
      const logits = new Float32Array(count * classes);
      inputTensor(parts, batch.inputs, count);
      let loss = 0;
      // Pieces of nearly one size: a last, small one would be slow for its size.
      const pieceCount = Math.ceil(count / piece);
      for (let index = 0; index < pieceCount; index++) {
        const from = Math.floor((index * count) / pieceCount);
        const to = Math.floor(((index + 1) * count) / pieceCount);
        loss += await runPiece(batch, weights, from, to, logits);
      }
      return { loss, logits };
    },
    gradient(name) {
      const found = trained.find((variable) => variable.name === name);
      if (!found) {
        const known = trained.map((variable) => variable.name).join(', ');
        throw new EngineError('engine/no-gradient', `${name} is not trained and has no gradient. Trained: ${known}.`);
      }
      const total = Float32Array.from(found.gradient);
      if (found.decayed) addDecay(total, found.weights, lossDecay);
      return store.toSlim(name, total, new Float32Array(total.length));
    },
    decayLoss() {
      if (lossDecay === 0) return 0;
      frozenSquares ??= frozen.reduce((sum, name) => sum + sumOfSquares(store.array(name)), 0);
      let sum = frozenSquares;
      for (const variable of trained) if (variable.decayed) sum += sumOfSquares(variable.weights);
      return (lossDecay * sum) / 2;
    },
    async update(learningRate) {
      if (lossDecay !== 0) {
        for (const { decayed, gradient, weights } of trained) if (decayed) addDecay(gradient, weights, lossDecay);
      }
      clipGradients(gradients, training);
      for (const { name, decayed, weights, gradient, slots, summed } of trained) {
        const rate = learningRate * (training.multipliers?.get(name) ?? 1);
        optimizer.update(weights, gradient, slots, rate, scalars, decayed ? ownDecay : 0);
        if (summed) gradient.fill(0);
      }
      optimizer.advance?.(scalars);
      pieces = 0;
    },
    async close() {
      await session.close();
      await model.release();
    },
  };
}
