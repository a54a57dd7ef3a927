import { type CheckpointFormat, type CheckpointReader, elementCount, type FileSystem } from '@graftjs/core';
import { averageName } from './moving-averages.js';

/** What a variable is called where a checkpoint may have its moving average. */
export const averageOr =
  ({ tensors }: CheckpointReader) =>
  (variable: string): string => {
    const average = averageName(variable);
    return tensors.has(average) ? average : variable;
  };

/** The variables of a run's checkpoint, on disk. */
export interface CheckpointVariables {
  /** Fills `into` with the values of a variable from element `start` on. */
  read(variable: string, start: number, into: Float32Array): Promise<void>;
  close(): Promise<void>;
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array) => new Uint8Array(buffer, byteOffset, byteLength);

/**
 * Opens the variables of a checkpoint. Of a format that gives no parts, the variable that was read last is held whole.
 * @param averages gives variables their moving average where the checkpoint has one
 */
export async function openVariables(
  path: string,
  format: CheckpointFormat,
  files: FileSystem,
  averages: boolean,
): Promise<CheckpointVariables> {
  const reader = await format.open(path, files);
  const nameOf = averages ? averageOr(reader) : (variable: string) => variable;
  let whole: { readonly name: string; readonly values: Float32Array } | undefined;
  return {
    async read(variable, start, into) {
      const name = nameOf(variable);
      if (reader.readPart) return reader.readPart(name, start * into.BYTES_PER_ELEMENT, bytesOf(into));
      if (whole?.name !== name) {
        // What was held must be gone before there is room for the next.
        whole = undefined;
        const values = new Float32Array(elementCount(reader.tensors.get(name)!.shape));
        await reader.read(name, bytesOf(values));
        whole = { name, values };
      }
      into.set(whole.values.subarray(start, start + into.length));
    },
    close: () => reader.close(),
  };
}
