import { type BatchResult, type DropoutNode, elementCount, type Shape } from '@graftjs/core';
import { createPauses, cut, dropoutMask, type TrainedVariables } from '@graftjs/core/engine-kit';
import { engineDims, nameSoFar, valueName } from '@graftjs/onnx';
import { transpose } from './arranged-weights.js';
import { Block, type TensorView } from './block.js';
import type { Run } from './executor.js';
import { groupSize } from './memory.js';
import type { OwnStatistics } from './own-statistics.js';
import { type SessionParts, variableFeeds } from './session-parts.js';
import { roomOf, type StepGraph, type StepSegment, stagesOf, stepNames } from './step-graphs.js';

/** A batch where the runtime finds it. */
interface StepBatch {
  readonly count: number;
  readonly inputs: Block;
  /** Of each example, or of each of its pixels. */
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

/** The mask of a dropout, laid out as the runtime has the value that it drops from: images with their channels first. */
function maskOf({ keep, shape }: DropoutNode, seed: number, layer: number, first: number, count: number): Float32Array {
  const [size, channels] = [elementCount(shape), shape.at(-1)!];
  const mask = dropoutMask(keep, seed, layer, first, count, size);
  if (channels === size) return mask;
  const turned = new Float32Array(mask.length);
  for (let from = 0; from < mask.length; from += size) {
    const to = from + size;
    transpose(mask.subarray(from, to), [size / channels, channels], turned.subarray(from, to));
  }
  return turned;
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
  variables: TrainedVariables<Block<Float32Array>>,
  statistics: OwnStatistics,
): Promise<TrainingStep> {
  const { graph, layouts, arranged, executor, budgets, options } = parts;
  const shapes = new Map<string, Shape>(graph.nodes.map(({ name, shape }) => [name, shape]));
  const logits = shapes.get(graph.output)!;
  const classes = logits.at(-1)!;
  /** Labels of an example. */
  const places = elementCount(logits.slice(0, -1));
  const dropouts = graph.nodes.filter((node): node is DropoutNode => node.op === 'dropout' && node.keep < 1);
  const stages = stagesOf(segments);
  const graphs = stages.map(({ step }) => step);
  const loss = segments.at(-1)!.backward;
  for (const { arrangements } of graphs) arranged.add(arrangements);
  const models = new Map<StepGraph, number>();
  for (const one of graphs)
    models.set(one, await executor.load(one.bytes, `the training step of ${graph.name}`, options));
  await statistics.load(graphs);

  const { places: rooms, sizes } = roomOf(graph, segments);
  const group = groupSize(graph, segments, budgets.kept);
  /** The places that values and gradients of a group share. */
  let kept: readonly Block<Float32Array>[] = [];

  /** A kept value or gradient of some examples of a group. */
  function keptView(key: string, name: string, [from, to]: readonly [number, number]): TensorView {
    const shape = shapes.get(name)!;
    return { block: kept[rooms.get(key)!]!, from: from * elementCount(shape), dims: engineDims(shape, to - from) };
  }

  function makeRoom(count: number): void {
    if ((kept[0]?.array.length ?? 0) < count * (sizes[0] ?? 0))
      kept = sizes.map((size) => new Block(new Float32Array(count * size)));
  }

  /** The runs of one group of a batch: examples `start` to `end`. */
  function* runsOf(batch: StepBatch, losses: Losses, start: number, end: number): Generator<Run> {
    for (const { piece, step } of stages) {
      const pieces = cut(end - start, piece);
      const own = statistics.feeds(step);
      for (const [index, part] of pieces.entries()) {
        const [from, to] = part;
        const first = start + from;
        const feeds = { ...variableFeeds(parts, step), ...own };
        const fetches = statistics.fetches(step, index, pieces.length);
        const keep = (views: Record<string, TensorView>, name: string, node: string) => {
          views[name] = keptView(name, node, part);
        };
        for (const name of step.values) {
          if (name !== graph.input.name) keep(feeds, valueName(name), name);
          else {
            const dims = [to - from, ...graph.input.shape];
            feeds[valueName(name)] = { block: batch.inputs, from: first * elementCount(graph.input.shape), dims };
          }
        }
        for (const name of step.gives) keep(fetches, valueName(name), name);
        const { takes, gives, adds } = step.gradients;
        for (const [name, node] of takes) keep(feeds, name, node);
        for (const [name, node] of gives) keep(fetches, name, node);
        for (const name of adds) feeds[nameSoFar(name)] = fetches[name]!;
        for (const [name, node] of step.masks) {
          const layer = dropouts.indexOf(node);
          const mask = maskOf(node, batch.seed, layer, first, to - from);
          feeds[name] = { block: new Block(mask), from: 0, dims: engineDims(node.shape, to - from) };
        }
        for (const name of step.trained) {
          const sum = { block: variables.gradient(name), from: 0, dims: layouts.gradientDims(name) };
          feeds[nameSoFar(stepNames.gradient(name))] = sum;
          fetches[stepNames.gradient(name)] = sum;
        }
        if (step === loss) {
          const labels = { from: first * places, dims: [(to - from) * places] };
          feeds[stepNames.labels] = { block: batch.labels, ...labels };
          feeds[stepNames.weights] = { block: batch.weights, ...labels };
          fetches[stepNames.loss] = { block: losses.own, from: first, dims: [] };
          if (graph.auxiliary.length > 0)
            fetches[stepNames.auxiliaryLoss] = { block: losses.auxiliary, from: first, dims: [] };
          const rows = { from: labels.from * classes, dims: [...labels.dims, classes] };
          fetches[stepNames.logits] = { block: batch.logits, ...rows };
        }
        yield { model: models.get(step)!, feeds, fetches };
      }
      yield* statistics.join(step, pieces);
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
      statistics.end(batch.count, variables);
      await variables.prepareDecayLoss(pause);
      const total = ({ array }: Block<Float32Array>) => array.reduce((sum, loss) => sum + loss, 0);
      return { loss: total(own), auxiliaryLoss: total(auxiliary) };
    },
    async close() {
      for (const model of models.values()) await executor.release(model);
      await statistics.close();
    },
  };
}
