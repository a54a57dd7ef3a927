import type { Session } from '@graftjs/core';
import { findNode } from '@graftjs/core/engine-kit';
import { loadPrediction, type Prediction } from './prediction.js';
import { inputBlock, type SessionParts } from './session-parts.js';

export function createSession(parts: SessionParts): Session {
  const { graph, store, arranged } = parts;
  const loaded = new Map<string, Promise<Prediction>>();

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
      if (!loaded.has(key)) loaded.set(key, loadPrediction(parts, names));
      const prediction = await loaded.get(key)!;
      const values = await prediction.run(block, count);
      return new Map(endPoints.map((name, index) => [name, values.get(nodes[index]!)!]));
    },
    async close() {
      const all = await Promise.allSettled(loaded.values());
      loaded.clear();
      for (const one of all) if (one.status === 'fulfilled') await one.value.close();
      store.clear();
      arranged.clear();
    },
  };
}
