import type { Session } from '@graftjs/core';
import { findNode } from '@graftjs/core/engine-kit';
import { createPrediction, type Prediction } from './prediction.js';
import { inputBlock, type SessionParts } from './session-parts.js';

export function createSession(parts: SessionParts): Session {
  const { graph, store, arranged } = parts;
  const predictions = new Map<string, Prediction>();

  return {
    graph,
    variables: store.shapes,
    write: (name, values) => store.write(name, values),
    fill: (name, load) => store.fill(name, load),
    read: (name, into) => store.read(name, into),
    async predict(inputs, count, endPoints = [graph.output]) {
      const nodes = endPoints.map((name) => findNode(graph, name));
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
