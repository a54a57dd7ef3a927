import { elementCount, nodesFor, type Shape } from '@graftjs/core';
import { type Arrangements, engineDims, GraphWriter, valueName } from '@graftjs/onnx';
import { Block, type TensorView } from './block.js';
import { cut } from './cut.js';
import type { Run } from './executor.js';
import { createPauses } from './pauses.js';
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
  /** Whether it gives its output's value to the next segment. */
  readonly passesOn: boolean;
}

/** The name of an output in TF-Slim's layout. */
const outputName = (node: string): string => `${node}:out`;

/** What a prediction is planned for. */
export type PredictionPlan = Pick<SessionParts, 'graph' | 'layouts' | 'blockSize' | 'budgets' | 'trains'>;

/** Writes what gives the values of the named nodes. */
export function writePrediction(plan: PredictionPlan, names: readonly string[]): PredictionSegment[] {
  const { graph, layouts, blockSize, budgets, trains } = plan;
  const pieces = { pieceBytes: budgets.prediction, onlyBeforeDense: true };
  const segments = cutIntoSegments(graph, nodesFor(graph, names), pieces);
  return segments.map((segment): PredictionSegment => {
    const passesOn = segment !== segments.at(-1);
    const inside = new Set(segment.nodes.map(({ name }) => name));
    const asked = names.filter((name) => inside.has(name));
    const kept = [...asked, segment.output];
    const writer = new GraphWriter(graph, layouts, { dropsOut: false, kept, blockSize, transposesDense: !trains });
    writer.write(segment.nodes);
    for (const name of asked) {
      const shape = writer.shape(name);
      const value = writer.value(name);
      const nhwc = shape.length === 3 ? writer.onnx.add('Transpose', [value], { perm: [0, 2, 3, 1] }) : value;
      writer.onnx.output(nhwc, outputName(name), 'float32', ['N', ...shape]);
    }
    if (passesOn) writer.give(segment.output);
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
      let input = inputs;
      for (const segment of segments) {
        const passed = segment.passesOn ? room(segment.output, count) : undefined;
        for (const [from, to] of cut(count, segment.piece)) {
          const view = (block: Block, shape: Shape, dims: readonly number[]): TensorView => {
            return { block, from: from * elementCount(shape), dims };
          };
          const inEngine = (block: Block, shape: Shape) => view(block, shape, engineDims(shape, to - from));
          const asGiven = (block: Block, shape: Shape) => view(block, shape, [to - from, ...shape]);
          const feeds = variableFeeds(parts, segment);
          const passedOn = shapes.get(segment.input);
          feeds[valueName(segment.input)] = passedOn ? inEngine(input, passedOn) : asGiven(input, graph.input.shape);
          const fetches: Record<string, TensorView> = {};
          for (const name of segment.asked) fetches[outputName(name)] = asGiven(outputs.get(name)!, shapes.get(name)!);
          if (passed) fetches[valueName(segment.output)] = inEngine(passed, shapes.get(segment.output)!);
          runs.push({ model: segment.model, feeds, fetches });
        }
        if (passed) input = passed;
      }
      await executor.run(runs);
      return new Map([...outputs].map(([name, { array }]) => [name, array]));
    },
    async close() {
      for (const { model } of segments) await executor.release(model);
    },
  };
}
