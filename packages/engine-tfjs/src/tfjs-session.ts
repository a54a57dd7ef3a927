import type { Session } from '@graftjs/core';
import { findNode } from '@graftjs/core/engine-kit';
import { predict } from './prediction.js';
import { atWork, type SessionParts } from './session-parts.js';

export function createSession(parts: SessionParts): Session {
  const { graph, store, tensors } = parts;
  return {
    graph,
    variables: store.shapes,
    write: (name, values) => store.write(name, values),
    fill: (name, load) => store.fill(name, load),
    read: (name, into) => store.read(name, into),
    async predict(inputs, count, endPoints = [graph.output]) {
      const nodes = endPoints.map((name) => findNode(graph, name));
      const values = await atWork(parts, inputs, count, () => predict(parts, inputs, count, [...new Set(nodes)]));
      return new Map(endPoints.map((name, index) => [name, values.get(nodes[index]!)!]));
    },
    async close() {
      tensors.dispose();
      store.clear();
    },
  };
}
