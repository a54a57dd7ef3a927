import { CheckpointError, type FileSystem, formatShape, safeElementCount, type TensorSource } from '@graftjs/core';

/** Endings of the files of a checkpoint: one of these as a prefix would not be found again. */
const fileEnding = /(\.index|-\d{5,}-of-\d{5,}|\/)$/;

/**
 * All that can be known to be wrong before the first value is asked for.
 * @throws CheckpointError `checkpoint/bad-prefix`, `checkpoint/bad-name`, `checkpoint/bad-shape`
 */
export async function checkedSources(
  prefix: string,
  tensors: Iterable<TensorSource>,
  files: FileSystem,
): Promise<TensorSource[]> {
  if (fileEnding.test(prefix) || prefix === '' || (await files.stat(prefix))?.kind === 'folder') {
    throw new CheckpointError(
      'checkpoint/bad-prefix',
      `A checkpoint cannot be written to '${prefix}': give a prefix such as model.ckpt-1000, to which endings are added.`,
      { details: { prefix } },
    );
  }
  const sources = [...tensors];
  const names = new Set<string>();
  for (const { name, shape } of sources) {
    if (name === '' || name.startsWith('\0') || /\p{Surrogate}/u.test(name) || names.has(name)) {
      throw new CheckpointError(
        'checkpoint/bad-name',
        `The variable '${name}' cannot be written to ${prefix}: names must be text, not empty, and differ from each other.`,
        { details: { prefix, name } },
      );
    }
    names.add(name);
    if (safeElementCount(shape) === undefined) {
      throw new CheckpointError(
        'checkpoint/bad-shape',
        `'${name}' cannot be written to ${prefix}: ${formatShape(shape)} is no shape of a tensor.`,
        { details: { prefix, name, shape } },
      );
    }
  }
  return sources;
}
