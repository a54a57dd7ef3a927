import { type BatchResult, type DropoutNode, elementCount, type Shape } from '@graftjs/core';
import { engineDims, valueName } from '@graftjs/onnx';
import { Block, type TensorView } from './block.js';
import { cut } from './cut.js';
import { dropoutMask } from './dropout-mask.js';
import type { Run } from './executor.js';
import { groupSize } from './memory.js';
import type { OwnStatistics } from './own-statistics.js';
import { createPauses } from './pauses.js';
import { type SessionParts, variableFeeds } from './session-parts.js';
import { keptBy, type StepGraph, type StepSegment, stepNames } from './step-graphs.js';
import type { TrainedVariables } from './trained-variables.js';

/** A batch where the runtime finds it. */
interface StepBatch {
  readonly count: number;
  readonly inputs: Block;
  readonly labels: Block<Int32Array>;
  readonly weights: Block<Float32Array>;
  /** Where the logits go. */
  readonly logits: Block<Float32Array>;
  /** For dropout. */
  readonly seed: number;
}

/** Where the losses of a batch go. */
interface Losses {
  readonly own: Block<Float32Array>;
  readonly auxiliary: Block<Float32Array>;
}

/** A training step without the optimizer, loaded. */
export interface TrainingStep {
  /** Runs a batch forward and backward, adds its gradients to what there is, and gives the losses. */
  run(batch: StepBatch): Promise<Omit<BatchResult, 'logits'>>;
  close(): Promise<void>;
}

/** Has the executor load the graphs of a step. */
export async function loadStep(
  parts: SessionParts,
  segments: readonly StepSegment[],
  variables: TrainedVariables,
  statistics: OwnStatistics,
): Promise<TrainingStep> {
  const { graph, layouts, arranged, executor, budgets, options } = parts;
  const shapes = new Map<string, Shape>(graph.nodes.map(({ name, shape }) => [name, shape]));
  const classes = elementCount(shapes.get(graph.output)!);
  const dropouts = graph.nodes.filter((node): node is DropoutNode => node.op === 'dropout' && node.keep < 1);
  const graphs = segments.flatMap(({ forward, backward }) => [forward, backward].filter((one) => one !== undefined));
  for (const { arrangements } of graphs) arranged.add(arrangements);
  const models = new Map<StepGraph, number>();
  for (const one of graphs)
    models.set(one, await executor.load(one.bytes, `the training step of ${graph.name}`, options));

  const size = (name: string) => elementCount(shapes.get(name)!);
  const { values, gradients } = keptBy(segments);
  const group = groupSize(graph, segments, budgets.kept);
  const kept = new Map<string, Block<Float32Array>>();

  /** A kept value or gradient of some examples of a group. */
  function keptView(key: string, name: string, [from, to]: readonly [number, number]): TensorView {
    return { block: kept.get(key)!, from: from * size(name), dims: engineDims(shapes.get(name)!, to - from) };
  }

  function makeRoom(count: number): void {
    const room = (key: string, name: string) => {
      const length = count * size(name);
      if ((kept.get(key)?.array.length ?? 0) < length) kept.set(key, new Block(new Float32Array(length)));
    };
    for (const name of values) room(valueName(name), name);
    for (const name of gradients) room(stepNames.valueGradient(name), name);
  }

  /** The runs of one group of a batch: examples `start` to `end`. */
  function* runsOf(batch: StepBatch, losses: Losses, start: number, end: number): Generator<Run> {
    /** What a graph takes for examples `from` to `to` of the group, besides gradients. */
    function feeds(step: StepGraph, part: readonly [number, number]): Record<string, TensorView> {
      const [from, to] = part;
      const fed = { ...variableFeeds(parts, step), ...statistics.views(step.statistics.takes) };
      for (const name of step.values) {
        if (name !== graph.input.name) fed[valueName(name)] = keptView(valueName(name), name, part);
        else {
          const dims = [to - from, ...graph.input.shape];
          fed[valueName(name)] = { block: batch.inputs, from: (start + from) * elementCount(graph.input.shape), dims };
        }
      }
      for (const [name, node] of step.masks) {
        const layer = dropouts.indexOf(node);
        const mask = dropoutMask(node.keep, batch.seed, layer, start + from, to - from, elementCount(node.shape));
        fed[name] = { block: new Block(mask), from: 0, dims: engineDims(node.shape, to - from) };
      }
      return fed;
    }

    const count = end - start;
    for (const { piece, forward } of segments) {
      if (!forward) continue;
      for (const part of cut(count, piece)) {
        const gives = forward.gives.map((name) => [valueName(name), keptView(valueName(name), name, part)] as const);
        const fetches = { ...Object.fromEntries(gives), ...statistics.views(forward.statistics.gives) };
        yield { model: models.get(forward)!, feeds: feeds(forward, part), fetches };
      }
    }
    for (const { piece, forward, backward, input, output, passesOn } of [...segments].reverse()) {
      if (!backward) continue;
      for (const part of cut(count, piece)) {
        const [from, to] = part;
        const fed = feeds(backward, part);
        const fetches: Record<string, TensorView> = statistics.views(backward.statistics.gives);
        if (forward) {
          const name = stepNames.valueGradient(output);
          fed[name] = keptView(name, output, part);
        } else {
          const first = start + from;
          fed[stepNames.labels] = { block: batch.labels, from: first, dims: [to - from] };
          fed[stepNames.weights] = { block: batch.weights, from: first, dims: [to - from] };
          fetches[stepNames.loss] = { block: losses.own, from: first, dims: [] };
          if (graph.auxiliary.length > 0)
            fetches[stepNames.auxiliaryLoss] = { block: losses.auxiliary, from: first, dims: [] };
          fetches[stepNames.logits] = { block: batch.logits, from: first * classes, dims: [to - from, classes] };
        }
        if (passesOn) {
          const name = stepNames.valueGradient(input);
          fetches[name] = keptView(name, input, part);
        }
        for (const name of backward.trained) {
          const sum = { block: variables.gradient(name), from: 0, dims: layouts.dims(name) };
          fed[stepNames.gradientSoFar(name)] = sum;
          fetches[stepNames.variableGradient(name)] = sum;
        }
        yield { model: models.get(backward)!, feeds: fed, fetches };
      }
    }
  }

  return {
    async run(batch) {
      const pause = createPauses();
      for (const { arrangements } of graphs) await arranged.refresh(arrangements, pause);
      // Each run of the last segment writes its part where its first example is.
      const [own, auxiliary] = [new Block(new Float32Array(batch.count)), new Block(new Float32Array(batch.count))];
      for (const [start, end] of cut(batch.count, group)) {
        makeRoom(end - start);
        await executor.run([...runsOf(batch, { own, auxiliary }, start, end)]);
      }
      statistics.move(batch.count);
      await variables.prepareDecayLoss(pause);
      const total = ({ array }: Block<Float32Array>) => array.reduce((sum, loss) => sum + loss, 0);
      return { loss: total(own), auxiliaryLoss: total(auxiliary) };
    },
    async close() {
      for (const model of models.values()) await executor.release(model);
    },
  };
}
