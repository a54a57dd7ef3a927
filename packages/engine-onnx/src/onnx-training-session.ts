import type { TrainingOptions, TrainingSession } from '@graftjs/core';
import { checkLabels, classesOf, ownStatisticsOf, TrainedVariables } from '@graftjs/core/engine-kit';
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
  const statistics = new OwnStatistics(ownStatisticsOf(graph, training), store);
  const step = await loadStep(parts, segments, variables, statistics);
  const classes = classesOf(graph);
  const session = createSession(parts);

  return {
    ...session,
    async accumulate(batch) {
      checkLabels(batch, classes);
      const count = batch.labels.length;
      const weights = batch.weights ?? new Float32Array(count).fill(1 / count);
      const logits = new Block(new Float32Array(count * classes));
      const losses = await step.run({
        count,
        inputs: inputBlock(parts, batch.inputs, count),
        labels: new Block(batch.labels.slice()),
        weights: new Block(weights.slice()),
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
