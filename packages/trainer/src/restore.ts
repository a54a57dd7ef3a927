import {
  CHECKPOINT_FORMAT,
  CheckpointError,
  type CheckpointFormat,
  type CheckpointReader,
  type Container,
  type FileSystem,
  formatShape,
  registry,
  sameShape,
} from '@graftjs/core';
import { firstNotFinite } from './first-not-finite.js';
import type { Weights } from './weights.js';

/**
 * The format of the checkpoint at `path`: whichever installed one recognises it.
 * @throws CheckpointError `checkpoint/not-recognised` where none does
 */
export async function findFormat(path: string, container: Container, files: FileSystem): Promise<CheckpointFormat> {
  const formats = registry(container, CHECKPOINT_FORMAT);
  for (const format of formats.values()) if (await format.recognises(path, files)) return format;
  const accepted = [...formats.values()].map(({ name, description }) => `${name} (${description})`);
  throw new CheckpointError(
    'checkpoint/not-recognised',
    `${path} is no checkpoint of a known format. ` +
      (accepted.length > 0
        ? `Known: ${accepted.join('; ')}. Look at the path, or install the plugin of the format that it has.`
        : 'No installed plugin brings a checkpoint format: install one, such as @graftjs/ckpt-slim.'),
    { details: { path, accepted: [...formats.keys()] } },
  );
}

/**
 * Opens the checkpoint at `path` by whichever installed format recognises it.
 * @throws as `findFormat`; those of the format
 */
export async function openCheckpoint(path: string, container: Container, files: FileSystem): Promise<CheckpointReader> {
  return (await findFormat(path, container, files)).open(path, files);
}

/**
 * Reads variables (or slots) by name from a checkpoint straight into a session, one after the other.
 * @param nameOf what the checkpoint calls a variable; default: its name
 * @throws CheckpointError where one is missing, of another shape or type, or holds NaN or an infinity
 */
export async function restoreVariables(
  weights: Weights,
  reader: CheckpointReader,
  names: Iterable<string>,
  nameOf: (variable: string) => string = (variable) => variable,
): Promise<void> {
  for (const name of names) {
    const shape = weights.variables.get(name)!;
    const found = reader.tensors.get(nameOf(name));
    if (found?.dtype !== 'float32' || !sameShape(found.shape, shape)) {
      const received = found ? `${found.dtype} ${formatShape(found.shape)}` : 'nothing';
      throw new CheckpointError(
        'checkpoint/does-not-fit',
        `${name} is float32 ${formatShape(shape)}, and the checkpoint has ${received} by that name.`,
        { details: { name, expected: shape, found } },
      );
    }
    await weights.fill(name, async (values) => {
      await reader.read(nameOf(name), new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
      const wrong = firstNotFinite(values);
      if (wrong < 0) return;
      throw new CheckpointError(
        'checkpoint/not-finite',
        `${name} holds ${values[wrong]} at element ${wrong}: the checkpoint is of a training that had failed. Use an earlier one.`,
        { details: { name, element: wrong } },
      );
    });
  }
}
