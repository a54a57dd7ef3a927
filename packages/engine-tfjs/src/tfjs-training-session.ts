import { elementCount, type TrainingOptions, type TrainingSession } from '@graftjs/core';
import { cut, labelBatch, logitsOf, TrainedVariables } from '@graftjs/core/engine-kit';
import { groupSize } from './pieces.js';
import { atWork, type SessionParts } from './session-parts.js';
import { planStep, trainedBy } from './step-plan.js';
import { createSession } from './tfjs-session.js';
import { runStep } from './training-step.js';

/** The step runs on TensorFlow.js and ends in gradients; the optimizer runs on the engine's own arrays. */
export function createTrainingSession(parts: SessionParts, training: TrainingOptions): TrainingSession {
  const { graph, store, budgets } = parts;
  const shape = logitsOf(graph);
  const places = elementCount(shape.slice(0, -1));
  const plan = planStep(graph, training);
  const variables = new TrainedVariables(graph, store, training, trainedBy(plan));
  const group = groupSize(graph, plan, budgets.kept);
  const size = elementCount(graph.input.shape);
  return {
    ...createSession(parts),
    async accumulate(batch) {
      const { examples: count, labels, weights } = labelBatch(batch, shape);
      const { inputs, seed = 0 } = batch;
      return atWork(parts, inputs, count, async () => {
        const logits = new Float32Array(count * elementCount(shape));
        let [loss, auxiliaryLoss] = [0, 0];
        for (const [from, to] of cut(count, group)) {
          const result = await runStep(parts, plan, variables, training.labelSmoothing ?? 0, {
            count: to - from,
            inputs: inputs.subarray(from * size, to * size),
            labels: labels.subarray(from * places, to * places),
            weights: weights.subarray(from * places, to * places),
            seed,
            first: from,
          });
          logits.set(result.logits, from * elementCount(shape));
          loss += result.loss;
          auxiliaryLoss += result.auxiliaryLoss;
        }
        return { loss, auxiliaryLoss, logits };
      });
    },
    gradient: (name) => variables.totalGradient(name),
    decayLoss: () => variables.decayLoss(),
    update: (learningRate) => variables.update(learningRate),
  };
}
