import {
  CheckpointError,
  dtypeBytes,
  elementCount,
  type FileSystem,
  formatShape,
  GraftError,
  type TensorInfo,
  type TensorSource,
} from '@graftjs/core';
import { safeElementCount } from './element-type.js';

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

/** The bytes of a variable with elements of fixed size. @throws CheckpointError `checkpoint/source-size`, `checkpoint/source-failed` */
export async function readBytes(source: TensorSource): Promise<Uint8Array> {
  const value = await readSource(source);
  const bytes = source.dtype === 'string' ? 0 : elementCount(source.shape) * dtypeBytes[source.dtype];
  if (value instanceof Uint8Array && value.length === bytes) return value;
  throw wrongValue(source, `${bytes} bytes`, value);
}

/** The elements of a variable of strings. @throws CheckpointError `checkpoint/source-size`, `checkpoint/source-failed` */
export async function readStrings(source: TensorSource): Promise<readonly Uint8Array[]> {
  const value = await readSource(source);
  const count = elementCount(source.shape);
  if (!(value instanceof Uint8Array) && value.length === count) return value;
  throw wrongValue(source, `${count} strings`, value);
}

async function readSource(source: TensorSource): Promise<Uint8Array | readonly Uint8Array[]> {
  try {
    return await source.read();
  } catch (cause) {
    if (GraftError.isInstance(cause)) throw cause;
    throw new CheckpointError('checkpoint/source-failed', `'${source.name}' could not be had to be written: ${cause}`, {
      cause,
      details: { name: source.name },
    });
  }
}

function wrongValue({ name, dtype, shape }: TensorInfo, accepted: string, value: { length: number }): CheckpointError {
  const received = `${value.length} ${value instanceof Uint8Array ? 'bytes' : 'strings'}`;
  return new CheckpointError(
    'checkpoint/source-size',
    `'${name}' is ${dtype} ${formatShape(shape)}, so it must give ${accepted} to be written; it gave ${received}.`,
    { details: { name, dtype, shape, received, accepted } },
  );
}
