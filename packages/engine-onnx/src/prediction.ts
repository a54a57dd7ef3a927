import { elementCount, nodesFor, type Shape, variablesOf } from '@graftjs/core';
import { createPauses, cut } from '@graftjs/core/engine-kit';
import { type Arrangements, engineDims, GraphWriter, type OnnxGraph, valueName } from '@graftjs/onnx';
import { Block, type TensorView } from './block.js';
import type { Run } from './executor.js';
import { cutIntoSegments, type Segment } from './segments.js';
import { type SessionParts, variableFeeds } from './session-parts.js';

/** The ONNX graph of a segment. */
export interface PredictionSegment extends Segment {
  readonly onnx: OnnxGraph;
  /** Variables that are inputs. */
  readonly variables: ReadonlySet<string>;
  /** Variables that the graph holds itself, so that the runtime rearranges them as is best for it when it loads the graph. */
  readonly constants: ReadonlySet<string>;
  readonly arrangements: Arrangements;
  /** Nodes whose values are asked for, and given in TF-Slim's layout, `[N, ...shape]`. */
  readonly asked: readonly string[];
  /** Nodes whose values it gives to later segments. */
  readonly passesOn: readonly string[];
}

/** The most bytes of weights that a graph holds itself: while it is loaded they are in memory several times, and protobuf has its limit at 2 GiB. */
const constantBytes = 500e6;

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
  const sizes = new Map(graph.variables.map(({ name, shape }) => [name, 4 * elementCount(shape)]));
  return segments.map((segment): PredictionSegment => {
    const passesOn = segment.outputs.filter((name) => read.has(name));
    const inside = new Set(segment.nodes.map(({ name }) => name));
    const asked = names.filter((name) => inside.has(name));
    const kept = segment.outputs;
    const own = new Set(segment.nodes.flatMap((node) => variablesOf(node)));
    const holds = !trains && [...own].reduce((sum, name) => sum + sizes.get(name)!, 0) <= constantBytes;
    const constants = new Set<string>();
    const weights = (name: string): string => {
      constants.add(name);
      return name;
    };
    const fed = { blockSize, transposesDense: !trains };
    const writer = new GraphWriter(graph, layouts, { dropsOut: false, kept, ...(holds ? { weights } : fed) });
    writer.write(segment.nodes);
    for (const name of asked) {
      const shape = writer.shape(name);
      const value = writer.value(name);
      const nhwc = shape.length === 3 ? writer.onnx.add('Transpose', [value], { perm: [0, 2, 3, 1] }) : value;
      writer.onnx.output(nhwc, outputName(name), 'float32', ['N', ...shape]);
    }
    for (const name of passesOn) writer.give(name);
    const { onnx, arrangements } = writer;
    const variables = new Set([...writer.variables].filter((name) => !constants.has(name)));
    return { ...segment, onnx, variables, constants, arrangements, asked, passesOn };
  });
}

/** A segment that the executor has loaded, with the values that its variables have now. */
class LoadedSegment {
  readonly segment: PredictionSegment;
  readonly #parts: SessionParts;
  #loaded: { readonly model: number; readonly version: number } | undefined;
  /** One after the other, so that nothing is loaded twice. */
  #loading: Promise<void> = Promise.resolve();

  constructor(parts: SessionParts, segment: PredictionSegment) {
    this.#parts = parts;
    this.segment = segment;
  }

  get model(): number {
    return this.#loaded!.model;
  }

  /** Loads it if it is not, or if what it holds has changed. */
  load(): Promise<void> {
    const loading = this.#loading.then(() => this.#follow());
    this.#loading = loading.catch(() => {});
    return loading;
  }

  async #follow(): Promise<void> {
    const { graph, layouts, store, executor, options } = this.#parts;
    const { onnx, constants } = this.segment;
    const version = [...constants].reduce((sum, name) => sum + store.version(name), 0);
    if (this.#loaded?.version === version) return;
    await this.release();
    const weights = [...constants].map((name) => {
      const { buffer, byteOffset, byteLength } = store.array(name);
      const bytes = new Uint8Array(buffer, byteOffset, byteLength);
      return { name, type: 'float32' as const, dims: layouts.dims(name), bytes };
    });
    const model = await executor.load(onnx.encode(true, weights), graph.name, options);
    this.#loaded = { model, version };
  }

  async release(): Promise<void> {
    if (this.#loaded) await this.#parts.executor.release(this.#loaded.model);
    this.#loaded = undefined;
  }
}

/** A prediction, loaded. */
export interface Prediction {
  /** The values of the nodes, by their names, each `[count, ...shape]`. */
  run(inputs: Block, count: number): Promise<Map<string, Float32Array>>;
  close(): Promise<void>;
}

/** Prepares what gives the values of the named nodes; the executor loads it with the first run. */
export function createPrediction(parts: SessionParts, names: readonly string[]): Prediction {
  const { graph, arranged, executor } = parts;
  const segments = writePrediction(parts, names).map((segment) => new LoadedSegment(parts, segment));
  for (const { segment } of segments) arranged.add(segment.arrangements);
  const shapes = new Map<string, Shape>(graph.nodes.map(({ name, shape }) => [name, shape]));
  const room = (name: string, count: number) => new Block(new Float32Array(count * elementCount(shapes.get(name)!)));

  return {
    async run(inputs, count) {
      const pause = createPauses();
      for (const one of segments) {
        await arranged.refresh(one.segment.arrangements, pause);
        await one.load();
      }
      const outputs = new Map(names.map((name) => [name, room(name, count)]));
      const runs: Run[] = [];
      const passed = new Map<string, Block>();
      for (const { segment, model } of segments) {
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
          runs.push({ model, feeds, fetches });
        }
      }
      await executor.run(runs);
      return new Map([...outputs].map(([name, { array }]) => [name, array]));
    },
    async close() {
      for (const one of segments) await one.release();
    },
  };
}
