import type { Session } from '@graftjs/core';
import { sessionOf } from '@graftjs/core/engine-kit';
import { predict } from './prediction.js';
import { atWork, type SessionParts } from './session-parts.js';

export function createSession(parts: SessionParts): Session {
  const { graph, store, tensors } = parts;
  return sessionOf(graph, store, {
    run: (inputs, count, nodes) => atWork(parts, inputs, count, () => predict(parts, inputs, count, nodes)),
    close: async () => tensors.dispose(),
  });
}
