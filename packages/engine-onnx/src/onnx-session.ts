import { EngineError, type Session } from '@graftjs/core';
import { createPrediction, type Prediction } from './prediction.js';
import { inputBlock, type SessionParts } from './session-parts.js';

export function createSession(parts: SessionParts): Session {
  const { graph, store, arranged } = parts;
  const predictions = new Map<string, Prediction>();

  /** The node that an end point, or a node itself, is. */
  function nodeOf(name: string): string {
    const node = graph.nodes.find((candidate) => candidate.name === (graph.endPoints[name] ?? name));
    if (node) return node.name;
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
    fill: (name, load) => store.fill(name, load),
    read: (name, into) => store.read(name, into),
    async predict(inputs, count, endPoints = [graph.output]) {
      const nodes = endPoints.map(nodeOf);
      const names = [...new Set(nodes)];
      const block = inputBlock(parts, inputs, count);
      const key = names.join('\n');
      const prediction = predictions.get(key) ?? createPrediction(parts, names);
      predictions.set(key, prediction);
      const values = await prediction.run(block, count);
      return new Map(endPoints.map((name, index) => [name, values.get(nodes[index]!)!]));
    },
    async close() {
      for (const prediction of predictions.values()) await prediction.close();
      predictions.clear();
      store.clear();
      arranged.clear();
    },
  };
}
