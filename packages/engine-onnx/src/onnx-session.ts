import type { Session } from '@graftjs/core';
import { sessionOf } from '@graftjs/core/engine-kit';
import { createPrediction, type Prediction } from './prediction.js';
import { inputBlock, type SessionParts } from './session-parts.js';

export function createSession(parts: SessionParts): Session {
  const { graph, store, arranged } = parts;
  const predictions = new Map<string, Prediction>();

  return sessionOf(graph, store, {
    run(inputs, count, nodes) {
      const block = inputBlock(parts, inputs, count);
      const key = nodes.join('\n');
      const prediction = predictions.get(key) ?? createPrediction(parts, nodes);
      predictions.set(key, prediction);
      return prediction.run(block, count);
    },
    async close() {
      for (const prediction of predictions.values()) await prediction.close();
      predictions.clear();
      arranged.clear();
    },
  });
}
