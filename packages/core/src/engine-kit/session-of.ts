import type { Session } from '../engine.js';
import type { Graph } from '../graph.js';
import { findNode } from './find-node.js';
import type { VariableStore } from './variable-store.js';

/** What runs a graph over the variables of a store. */
export interface GraphRunner {
  /**
   * @param nodes names, each once
   * @returns their values in use, by name, each `[count, ...shape]`
   */
  run(
    inputs: Uint8Array | Float32Array,
    count: number,
    nodes: readonly string[],
  ): Promise<ReadonlyMap<string, Float32Array>>;
  /** Frees what it holds; the variables are let go of after it. */
  close(): Promise<void>;
}

/** A session: the variables of a store, and what runs the graph over them. */
export function sessionOf(graph: Graph, store: VariableStore, runner: GraphRunner): Session {
  return {
    graph,
    variables: store.shapes,
    write: (name, values) => store.write(name, values),
    fill: (name, load) => store.fill(name, load),
    read: (name, into) => store.read(name, into),
    async predict(inputs, count, endPoints = [graph.output]) {
      const nodes = endPoints.map((name) => findNode(graph, name));
      const values = await runner.run(inputs, count, [...new Set(nodes)]);
      return new Map(endPoints.map((name, index) => [name, values.get(nodes[index]!)!]));
    },
    async close() {
      await runner.close();
      store.clear();
    },
  };
}
