import type { CheckpointFormat } from '@graftjs/core';
import { memoryFiles } from './memory-files.js';

/** All that a checkpoint holds, by name. */
export type Values = ReadonlyMap<string, Uint8Array | readonly Uint8Array[]>;

/**
 * Opens a checkpoint and reads every variable.
 * @param onDone called after each thing that the format was asked for
 */
export async function readAll(
  format: CheckpointFormat,
  prefix: string,
  files: ReadonlyMap<string, Uint8Array>,
  onDone?: () => void,
): Promise<Values> {
  const reader = await format.open(prefix, memoryFiles(files));
  onDone?.();
  const values = new Map<string, Uint8Array | readonly Uint8Array[]>();
  for (const { name, dtype } of reader.tensors.values()) {
    values.set(name, dtype === 'string' ? await reader.readStrings(name) : await reader.read(name));
    onDone?.();
  }
  await reader.close();
  return values;
}

export function isSameValue(a: ReturnType<Values['get']>, b: ReturnType<Values['get']>): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  if (!Array.isArray(a) || !Array.isArray(b)) return false;
  return a.length === b.length && a.every((element, index) => Buffer.compare(element, b[index]) === 0);
}
