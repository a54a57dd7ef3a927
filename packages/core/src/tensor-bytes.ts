import type { TensorSource } from './checkpoint.js';
import { dtypeBytes, elementCount, formatShape } from './dtype.js';
import { CheckpointError, GraftError } from './errors.js';

/**
 * Where `CheckpointReader.read` puts a variable: `into`, or as many fresh bytes as it has.
 * @throws CheckpointError `checkpoint/destination-size`
 */
export function destination(name: string, bytes: number, into: Uint8Array | undefined): Uint8Array {
  if (into === undefined) return new Uint8Array(bytes);
  if (into.length === bytes) return into;
  throw new CheckpointError(
    'checkpoint/destination-size',
    `'${name}' has ${bytes} bytes and the place given for them ${into.length}. Give one of the same size.`,
    { details: { name, received: into.length, accepted: bytes } },
  );
}

/**
 * The bytes of a variable that is to be written, with elements of fixed size.
 * @throws CheckpointError `checkpoint/source-size`, `checkpoint/source-failed`
 */
export async function sourceBytes(source: TensorSource): Promise<Uint8Array> {
  const value = await readSource(source);
  const bytes = source.dtype === 'string' ? 0 : elementCount(source.shape) * dtypeBytes[source.dtype];
  if (value instanceof Uint8Array && value.length === bytes) return value;
  throw wrongValue(source, `${bytes} bytes`, value);
}

/**
 * The elements of a variable of strings that is to be written.
 * @throws CheckpointError `checkpoint/source-size`, `checkpoint/source-failed`
 */
export async function sourceStrings(source: TensorSource): Promise<readonly Uint8Array[]> {
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

function wrongValue(
  { name, dtype, shape }: TensorSource,
  accepted: string,
  value: { length: number },
): CheckpointError {
  const received = `${value.length} ${value instanceof Uint8Array ? 'bytes' : 'strings'}`;
  return new CheckpointError(
    'checkpoint/source-size',
    `'${name}' is ${dtype} ${formatShape(shape)}, so it must give ${accepted} to be written; it gave ${received}.`,
    { details: { name, dtype, shape, received, accepted } },
  );
}
