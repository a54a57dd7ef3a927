import { EngineError, elementCount, formatShape, type Graph, type Session, type SessionOptions } from '@graftjs/core';
import type { InferenceSession, Tensor } from 'onnxruntime-common';
import { writeInferenceGraph } from './inference-graph.js';
import type { Layouts } from './layouts.js';
import { loadModel, type Runtime } from './runtime.js';
import type { VariableStore } from './variable-store.js';

/** Everything that a session of this engine is made of. */
export interface SessionParts {
  readonly graph: Graph;
  readonly layouts: Layouts;
  readonly store: VariableStore;
  readonly runtime: Runtime;
  readonly options: SessionOptions;
}

/** The batch as an ONNX tensor; an array of the wrong length or type is an error. */
export function inputTensor(
  { graph, runtime }: SessionParts,
  inputs: Uint8Array | Float32Array,
  count: number,
): Tensor {
  const { name, shape, dtype } = graph.input;
  const received = inputs instanceof Uint8Array ? 'uint8' : 'float32';
  if (received !== dtype || inputs.length !== count * elementCount(shape)) {
    throw new EngineError(
      'engine/input',
      `${graph.name} takes ${name} as ${dtype}, ${count} examples of ${formatShape(shape)} (${count * elementCount(shape)} values); ` +
        `${inputs.length} values of ${received} came.`,
    );
  }
  return new runtime.Tensor(dtype, inputs, [count, ...shape]);
}

/** The variables that an ONNX graph takes, as tensors over the engine's own memory. */
export function variableFeeds(
  { layouts, store, runtime }: SessionParts,
  session: InferenceSession,
): Record<string, Tensor> {
  const names = session.inputNames.filter((name) => store.shapes.has(name));
  return Object.fromEntries(
    names.map((name) => [name, new runtime.Tensor('float32', store.array(name), layouts.dims(name))]),
  );
}

/** Runs a loaded graph; what the runtime throws becomes an `EngineError`. */
export async function runModel(
  session: InferenceSession,
  feeds: Record<string, Tensor>,
  fetches: Record<string, Tensor>,
): Promise<void> {
  try {
    await session.run(feeds, fetches);
  } catch (cause) {
    throw new EngineError('engine/run', `onnxruntime could not run the graph: ${(cause as Error).message}`, { cause });
  }
}

export function createSession(parts: SessionParts): Session {
  const { graph, layouts, store, runtime, options } = parts;
  const loaded = new Map<string, Promise<InferenceSession>>();

  /** The node that an end point, or a node itself, is. */
  function nodeOf(name: string) {
    const node = graph.nodes.find((candidate) => candidate.name === (graph.endPoints[name] ?? name));
    if (node) return node;
    const known = Object.keys(graph.endPoints);
    throw new EngineError(
      'engine/no-end-point',
      `${graph.name} has no end point '${name}'. There are: ${known.join(', ')}.`,
    );
  }

  return {
    graph,
    variables: store.shapes,
    write: (name, values) => store.write(name, values),
    read: (name, into) => store.read(name, into),
    async predict(inputs, count, endPoints = [graph.output]) {
      const nodes = endPoints.map(nodeOf);
      const names = [...new Set(nodes.map(({ name }) => name))];
      const key = names.join('\n');
      if (!loaded.has(key))
        loaded.set(key, loadModel(runtime, writeInferenceGraph(graph, layouts, names), graph.name, options));
      const session = await loaded.get(key)!;
      const feeds = { ...variableFeeds(parts, session), [graph.input.name]: inputTensor(parts, inputs, count) };
      const fetches: Record<string, Tensor> = {};
      for (const { name, shape } of nodes) {
        fetches[`${name}:out`] = new runtime.Tensor('float32', new Float32Array(count * elementCount(shape)), [
          count,
          ...shape,
        ]);
      }
      await runModel(session, feeds, fetches);
      return new Map(
        endPoints.map((name, index) => [name, fetches[`${nodes[index]!.name}:out`]!.data as Float32Array]),
      );
    },
    async close() {
      for (const session of loaded.values()) await (await session).release();
      loaded.clear();
    },
  };
}
