import { elementCount, nodesFor, type Shape } from '@graftjs/core';
import { createPauses, cut } from '@graftjs/core/engine-kit';
import { type Arrangements, engineDims, GraphWriter, valueName } from '@graftjs/onnx';
import { Block, type TensorView } from './block.js';
import type { Run } from './executor.js';
import { cutIntoSegments, type Segment } from './segments.js';
import { type SessionParts, variableFeeds } from './session-parts.js';

/** The ONNX graph of a segment. */
export interface PredictionSegment extends Segment {
  readonly bytes: Uint8Array;
  /** Variables that are inputs. */
  readonly variables: ReadonlySet<string>;
  readonly arrangements: Arrangements;
  /** Nodes whose values are asked for, and given in TF-Slim's layout, `[N, ...shape]`. */
  readonly asked: readonly string[];
  /** Nodes whose values it gives to later segments. */
  readonly passesOn: readonly string[];
}

/** The name of an output in TF-Slim's layout. */
const outputName = (node: string): string => `${node}:out`;

/** What a prediction is planned for. */
export type PredictionPlan = Pick<SessionParts, 'graph' | 'layouts' | 'blockSize' | 'budgets' | 'trains'>;

/** Writes what gives the values of the named nodes. */
export function writePrediction(plan: PredictionPlan, names: readonly string[]): PredictionSegment[] {
  const { graph, layouts, blockSize, budgets, trains } = plan;
  const pieces = { pieceBytes: budgets.prediction, onlyBeforeDense: true };
  const segments = cutIntoSegments(graph, nodesFor(graph, names), names, pieces);
  const read = new Set(segments.flatMap(({ inputs }) => inputs));
  return segments.map((segment): PredictionSegment => {
    const passesOn = segment.outputs.filter((name) => read.has(name));
    const inside = new Set(segment.nodes.map(({ name }) => name));
    const asked = names.filter((name) => inside.has(name));
    const kept = segment.outputs;
    const writer = new GraphWriter(graph, layouts, { dropsOut: false, kept, blockSize, transposesDense: !trains });
    writer.write(segment.nodes);
    for (const name of asked) {
      const shape = writer.shape(name);
      const value = writer.value(name);
      const nhwc = shape.length === 3 ? writer.onnx.add('Transpose', [value], { perm: [0, 2, 3, 1] }) : value;
      writer.onnx.output(nhwc, outputName(name), 'float32', ['N', ...shape]);
    }
    for (const name of passesOn) writer.give(name);
    const { variables, arrangements } = writer;
    return { ...segment, bytes: writer.onnx.encode(true), variables, arrangements, asked, passesOn };
  });
}

/** A prediction, loaded. */
export interface Prediction {
  /** The values of the nodes, by their names, each `[count, ...shape]`. */
  run(inputs: Block, count: number): Promise<Map<string, Float32Array>>;
  close(): Promise<void>;
}

/** Has the executor load what gives the values of the named nodes. */
export async function loadPrediction(parts: SessionParts, names: readonly string[]): Promise<Prediction> {
  const { graph, arranged, executor, options } = parts;
  const segments: (PredictionSegment & { readonly model: number })[] = [];
  for (const segment of writePrediction(parts, names)) {
    arranged.add(segment.arrangements);
    segments.push({ ...segment, model: await executor.load(segment.bytes, graph.name, options) });
  }
  const shapes = new Map<string, Shape>(graph.nodes.map(({ name, shape }) => [name, shape]));
  const room = (name: string, count: number) => new Block(new Float32Array(count * elementCount(shapes.get(name)!)));

  return {
    async run(inputs, count) {
      const pause = createPauses();
      for (const { arrangements } of segments) await arranged.refresh(arrangements, pause);
      const outputs = new Map(names.map((name) => [name, room(name, count)]));
      const runs: Run[] = [];
      const passed = new Map<string, Block>();
      for (const segment of segments) {
        for (const name of segment.passesOn) passed.set(name, room(name, count));
        for (const [from, to] of cut(count, segment.piece)) {
          const view = (block: Block, shape: Shape, dims: readonly number[]): TensorView => {
            return { block, from: from * elementCount(shape), dims };
          };
          const inEngine = (block: Block, shape: Shape) => view(block, shape, engineDims(shape, to - from));
          const asGiven = (block: Block, shape: Shape) => view(block, shape, [to - from, ...shape]);
          const feeds = variableFeeds(parts, segment);
          for (const name of segment.inputs) {
            const shape = shapes.get(name);
            feeds[valueName(name)] = shape ? inEngine(passed.get(name)!, shape) : asGiven(inputs, graph.input.shape);
          }
          const fetches: Record<string, TensorView> = {};
          for (const name of segment.asked) fetches[outputName(name)] = asGiven(outputs.get(name)!, shapes.get(name)!);
          for (const name of segment.passesOn)
            fetches[valueName(name)] = inEngine(passed.get(name)!, shapes.get(name)!);
          runs.push({ model: segment.model, feeds, fetches });
        }
      }
      await executor.run(runs);
      return new Map([...outputs].map(([name, { array }]) => [name, array]));
    },
    async close() {
      for (const { model } of segments) await executor.release(model);
    },
  };
}
