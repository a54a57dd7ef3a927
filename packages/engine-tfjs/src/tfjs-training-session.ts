import { elementCount, type TrainingOptions, type TrainingSession } from '@graftjs/core';
import { checkLabels, classesOf, cut, TrainedVariables } from '@graftjs/core/engine-kit';
import { groupSize } from './pieces.js';
import { atWork, type SessionParts } from './session-parts.js';
import { planStep, trainedBy } from './step-plan.js';
import { createSession } from './tfjs-session.js';
import { runStep } from './training-step.js';

/** The step runs on TensorFlow.js and ends in gradients; the optimizer runs on the engine's own arrays. */
export function createTrainingSession(parts: SessionParts, training: TrainingOptions): TrainingSession {
  const { graph, store, budgets } = parts;
  const classes = classesOf(graph);
  const plan = planStep(graph, training);
  const variables = new TrainedVariables(graph, store, training, trainedBy(plan));
  const group = groupSize(graph, plan, budgets.kept);
  const size = elementCount(graph.input.shape);
  return {
    ...createSession(parts),
    async accumulate(batch) {
      checkLabels(batch, classes);
      const { inputs, labels, seed = 0 } = batch;
      const count = labels.length;
      const weights = batch.weights ?? new Float32Array(count).fill(1 / count);
      return atWork(parts, inputs, count, async () => {
        const logits = new Float32Array(count * classes);
        let [loss, auxiliaryLoss] = [0, 0];
        for (const [from, to] of cut(count, group)) {
          const examples = {
            inputs: inputs.subarray(from * size, to * size),
            labels: labels.subarray(from, to),
            weights: weights.subarray(from, to),
            seed,
            first: from,
          };
          const result = await runStep(parts, plan, variables, examples, training.labelSmoothing ?? 0);
          logits.set(result.logits, from * classes);
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
