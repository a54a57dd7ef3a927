import { type Backbone, type BackboneOptions, type Graph, withNormalization } from '@graftjs/core';
import { normalizations } from './normalizations.js';
import type { ForwardOracle, TrainingOracle } from './oracle.js';

/** The network that an oracle file describes, for images that are normalized as there. */
export function buildNormalized(
  backbone: Backbone,
  { classes, size, preprocessing }: ForwardOracle | TrainingOracle,
  options: BackboneOptions,
): Graph {
  const graph = backbone.build({ classes, size, ...options });
  return preprocessing ? withNormalization(graph, normalizations[preprocessing]) : graph;
}
