import { elementCount, type TrainingOptions, type TrainingSession } from '@graftjs/core';
import { labelBatch, logitsOf, ownStatisticsOf, TrainedVariables } from '@graftjs/core/engine-kit';
import { Block } from './block.js';
import { createSession } from './onnx-session.js';
import { OwnStatistics } from './own-statistics.js';
import { inputBlock, type SessionParts } from './session-parts.js';
import { trainedBy, writeStepGraphs } from './step-graphs.js';
import { loadStep } from './training-step.js';

/**
 * The step is ONNX graphs that end in gradients; the optimizer runs outside of them, over the engine's own arrays.
 */
export async function createTrainingSession(parts: SessionParts, training: TrainingOptions): Promise<TrainingSession> {
  const { graph, store } = parts;
  const segments = writeStepGraphs(parts, training);
  const names = trainedBy(graph, segments, training);
  const variables = new TrainedVariables(graph, store, training, names);
  const statistics = new OwnStatistics(parts, ownStatisticsOf(graph, training));
  const step = await loadStep(parts, segments, variables, statistics);
  const logitsShape = logitsOf(graph);
  const session = createSession(parts);

  return {
    ...session,
    async accumulate(batch) {
      const { examples, labels, weights } = labelBatch(batch, logitsShape);
      const logits = new Block(new Float32Array(examples * elementCount(logitsShape)));
      const losses = await step.run({
        count: examples,
        inputs: inputBlock(parts, batch.inputs, examples),
        labels: new Block(labels),
        weights: new Block(weights),
        logits,
        seed: batch.seed ?? 0,
      });
      return { ...losses, logits: logits.array };
    },
    gradient: (name) => variables.totalGradient(name),
    decayLoss: () => variables.decayLoss(),
    update: (learningRate) => variables.update(learningRate),
    async close() {
      await session.close();
      await step.close();
    },
  };
}
