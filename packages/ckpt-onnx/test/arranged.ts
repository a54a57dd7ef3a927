import { type CheckpointReader, elementCount, type ForeignTensor, type NetworkMatch, type Shape } from '@graftjs/core';

/** A tensor's values, row-major, in the variable's order: element by element, as `ForeignTensor` says it. */
export async function arranged(
  reader: CheckpointReader,
  { name, axes }: ForeignTensor,
  shape: Shape,
): Promise<Float32Array> {
  const stored = new Float32Array(new Uint8Array(await reader.read(name)).buffer);
  const values = new Float32Array(elementCount(shape));
  const order = axes.flat();
  for (let index = 0; index < stored.length; index++) {
    const place = shape.map(() => 0);
    let left = index;
    for (const axis of order.toReversed()) {
      place[axis] = left % shape[axis]!;
      left = Math.floor(left / shape[axis]!);
    }
    values[place.reduce((sum, at, axis) => sum * shape[axis]! + at, 0)] = stored[index]!;
  }
  return values;
}

/** All variables that were found. */
export async function variablesOf(
  { reader, tensors }: NetworkMatch,
  variables: readonly { readonly name: string; readonly shape: Shape }[],
): Promise<Map<string, Float32Array>> {
  const found = new Map<string, Float32Array>();
  for (const { name, shape } of variables) {
    const tensor = tensors[name];
    if (tensor) found.set(name, await arranged(reader, tensor, shape));
  }
  return found;
}
