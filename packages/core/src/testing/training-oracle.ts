import type { Batch, Engine, TrainingOptions, TrainingSession } from '../engine.js';
import type { Graph } from '../graph.js';
import { formulaImage, formulaVariable } from './formula.js';

/** A tensor as it is recorded: of all its elements the L2 norm, and the `values` at row-major places `at`. */
export interface RecordedTensor {
  readonly norm: number;
  readonly at: readonly number[];
  readonly values: readonly number[];
}

/** Steps of a training by TF-Slim, of formula variables on formula images, as they are recorded in a file of oracles. */
export interface TrainingOracle {
  readonly size: number;
  readonly classes: number;
  readonly weight_decay: number;
  readonly steps: number;
  /** Names for `formulaImage`, and the class of each. */
  readonly images: readonly string[];
  readonly labels: readonly number[];
  /** Of each step: cross-entropy, and with all that is added to it. */
  readonly losses: { readonly values: readonly (readonly [crossEntropy: number, total: number])[] };
  /** Of the first step. */
  readonly gradients_of_total_loss: Readonly<Record<string, RecordedTensor>>;
  readonly variables_after: Readonly<Record<string, RecordedTensor>>;
}

/** The largest difference at the recorded places, relative to the tensor's scale, norm / sqrt(count). */
export function recordedError(values: Float32Array, { norm, at, values: expected }: RecordedTensor): number {
  const scale = norm / Math.sqrt(values.length);
  return Math.max(...at.map((place, index) => Math.abs(values[place]! - expected[index]!) / scale));
}

/**
 * Opens the training of an oracle: all variables that can be trained are, with an optimizer that leaves them as they are.
 * @returns the session, and the batch of every step
 */
export async function openOracleTraining(
  engine: Engine,
  graph: Graph,
  { size, images, labels, weight_decay: weightDecay }: TrainingOracle,
  options: Partial<TrainingOptions> = {},
): Promise<{ session: TrainingSession; batch: Batch }> {
  const session = await engine.openTraining(graph, {
    trainable: graph.variables.filter(({ trainable }) => trainable).map(({ name }) => name),
    optimizer: { name: 'still', slots: [], scalars: [], update() {} },
    weightDecay,
    ...options,
  });
  for (const { name, shape } of graph.variables) session.write(name, formulaVariable(name, shape));
  const inputs = new Uint8Array(images.length * size * size * 3);
  for (const [index, name] of images.entries()) inputs.set(formulaImage(name, size, size), index * size * size * 3);
  return { session, batch: { inputs, labels: Int32Array.from(labels) } };
}
