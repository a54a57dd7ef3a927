import { elementCount, formatShape } from '../dtype.js';
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
