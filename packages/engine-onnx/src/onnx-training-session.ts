import { type Batch, EngineError, elementCount, type TrainingOptions, type TrainingSession } from '@graftjs/core';
import { Block } from './block.js';
import { createSession } from './onnx-session.js';
import { OwnStatistics } from './own-statistics.js';
import { inputBlock, type SessionParts } from './session-parts.js';
import { ownStatisticsOf, trainedBy, writeStepGraphs } from './step-graphs.js';
import { TrainedVariables } from './trained-variables.js';
import { loadStep } from './training-step.js';

function checkLabels({ labels, weights }: Batch, classes: number): void {
  if (labels.length === 0)
    throw new EngineError('engine/batch', 'A batch has at least one example; an empty one came.');
  const wrong = labels.findIndex((label) => !(label >= 0 && label < classes));
  if (wrong >= 0) {
    throw new EngineError(
      'engine/label',
      `Label ${labels[wrong]} (example ${wrong}) is no class: there are ${classes}, from 0 on.`,
    );
  }
  if (weights && weights.length !== labels.length) {
    throw new EngineError('engine/batch', `A batch of ${labels.length} examples came with ${weights.length} weights.`);
  }
}

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
  const classes = elementCount(graph.nodes.find(({ name }) => name === graph.output)!.shape);
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
