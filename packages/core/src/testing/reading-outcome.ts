import type { CheckpointReader } from '../checkpoint.js';
import { dtypeBytes, elementCount } from '../dtype.js';
import { CheckpointError } from '../errors.js';
import { check } from './contract.js';

/**
 * Reads every tensor of a checkpoint.
 * @returns how many bytes they have
 * @throws Error where one has not as many as its shape says
 */
export async function readTensors(reader: CheckpointReader): Promise<number> {
  let sum = 0;
  for (const { name, dtype, shape } of reader.tensors.values()) {
    const count = elementCount(shape);
    if (dtype === 'string') {
      const texts = await reader.readStrings(name);
      check(texts.length === count, `${name} has ${texts.length} texts, and ${count} are expected.`);
      for (const { length } of texts) sum += length;
    } else {
      const { length } = await reader.read(name);
      check(length === count * dtypeBytes[dtype], `${name} has ${length} bytes, and ${count} ${dtype} are expected.`);
      sum += length;
    }
  }
  return sum;
}

/**
 * What reading a damaged file comes to: what `read` gives, or the code of the CheckpointError that it ends in.
 * @param what was done to the file, for messages
 * @throws Error where it ends in anything else, which no file may make a reader do
 */
export async function readingOutcome<T>(read: () => Promise<T>, what: string): Promise<T | string> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof CheckpointError) return error.code;
    throw new Error(`${what} ended in ${error}`, { cause: error });
  }
}
