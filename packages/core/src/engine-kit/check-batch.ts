import { elementCount, formatShape } from '../dtype.js';
import type { Batch } from '../engine.js';
import { EngineError } from '../errors.js';
import type { Graph } from '../graph.js';

/** Throws an `EngineError` unless the inputs have the type and the length of `count` examples. */
export function checkInputs({ name: network, input }: Graph, inputs: Uint8Array | Float32Array, count: number): void {
  const { name, shape, dtype } = input;
  const received = inputs instanceof Uint8Array ? 'uint8' : 'float32';
  if (received === dtype && inputs.length === count * elementCount(shape)) return;
  throw new EngineError(
    'engine/input',
    `${network} takes ${name} as ${dtype}, ${count} examples of ${formatShape(shape)} (${count * elementCount(shape)} values); ` +
      `${inputs.length} values of ${received} came.`,
  );
}

/** Throws an `EngineError` unless there are examples, each with a label that is one of `classes`, and as many weights if any. */
export function checkLabels({ labels, weights }: Batch, classes: number): void {
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
