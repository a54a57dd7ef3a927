import { type CheckpointFormat, createMemoryFiles, dtypeBytes, elementCount } from '@graftjs/core';

/** All that a checkpoint holds, by name. */
export type Values = ReadonlyMap<string, Uint8Array | readonly Uint8Array[]>;

/**
 * Opens a checkpoint and reads every variable.
 * @param path its prefix, or the folder that it is in
 * @param onDone called after each thing that the format was asked for
 */
export async function readAll(
  format: CheckpointFormat,
  path: string,
  contents: ReadonlyMap<string, Uint8Array>,
  onDone?: () => void,
): Promise<Values> {
  const files = createMemoryFiles(contents);
  await format.recognises(path, files);
  onDone?.();
  const reader = await format.open(path, files);
  onDone?.();
  const values = new Map<string, Uint8Array | readonly Uint8Array[]>();
  for (const { name, dtype, shape } of reader.tensors.values()) {
    const value = dtype === 'string' ? await reader.readStrings(name) : await reader.read(name);
    const expected = elementCount(shape) * (dtype === 'string' ? 1 : dtypeBytes[dtype]);
    if (value.length !== expected) throw new Error(`${name} is ${dtype} of ${shape}, and ${value.length} long`);
    values.set(name, value);
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
