import { formulaImage } from '@graftjs/core/testing';

/** Images of these names, one after the other. */
export function formulaBatch(names: readonly string[], height: number, width: number): Uint8Array {
  const one = height * width * 3;
  const bytes = new Uint8Array(names.length * one);
  for (const [index, name] of names.entries()) bytes.set(formulaImage(name, height, width), index * one);
  return bytes;
}
