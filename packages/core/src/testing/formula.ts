import { elementCount, type Shape } from '../dtype.js';
import type { Random } from '../preprocessing.js';

/** 32-bit FNV-1a of the UTF-8 bytes of `text`. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** Murmur3's finalizer of `index xor seed`: an unsigned 32-bit whole number. */
function hash(index: number, seed: number): number {
  let h = index ^ seed;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Element `index` of the sequence that belongs to `name`: in [0, 1). */
export function uniform(name: string, count: number): Float64Array {
  const seed = fnv1a(name);
  const values = new Float64Array(count);
  for (let index = 0; index < count; index++) values[index] = hash(index, seed) / 4294967296;
  return values;
}

/** The sequence that belongs to `name`, one number after the other. */
export function formulaRandom(name: string): Random {
  const seed = fnv1a(name);
  let index = 0;
  const uniform = () => hash(index++, seed) / 4294967296;
  return { uniform, below: (limit) => Math.floor(limit * uniform()) };
}

/**
 * The values of a variable, by its name alone, so that two implementations can be compared without a file of weights.
 * `weights` are uniform with He's range, of a classifier (`/fc8/`, `/logits/`) divided by 256 so that softmax is not
 * saturated; `gamma` is in 0.8 to 1.2, `moving_variance` in 1 to 1.5, all else in -0.1 to 0.1.
 */
export function formulaVariable(name: string, shape: Shape): Float32Array {
  const seed = fnv1a(name);
  const values = new Float32Array(elementCount(shape));
  const kind = name.slice(name.lastIndexOf('/') + 1);
  if (kind === 'weights') {
    const range = Math.sqrt(6 / elementCount(shape.slice(0, -1)));
    const divisor = name.includes('/fc8/') || name.includes('/logits/') ? 256 : 1;
    for (let i = 0; i < values.length; i++) values[i] = (((2 * hash(i, seed)) / 4294967296 - 1) * range) / divisor;
    return values;
  }
  for (let i = 0; i < values.length; i++) {
    const u = hash(i, seed) / 4294967296;
    if (kind === 'gamma') values[i] = 1 + 0.2 * (2 * u - 1);
    else if (kind === 'moving_variance') values[i] = 1 + 0.5 * u;
    else values[i] = 0.1 * (2 * u - 1);
  }
  return values;
}

/** An RGB image of noise, `height * width * 3` bytes. */
export function formulaImage(name: string, height: number, width: number): Uint8Array {
  const seed = fnv1a(name);
  const bytes = new Uint8Array(height * width * 3);
  for (let i = 0; i < bytes.length; i++) bytes[i] = hash(i, seed) >>> 24;
  return bytes;
}

/** An RGB image with structure, for resizing: three ramps and a tenth of noise. */
export function smoothImage(name: string, height: number, width: number): Uint8Array {
  const seed = fnv1a(name);
  const bytes = new Uint8Array(height * width * 3);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const ramps = [y / (height - 1), x / (width - 1), (x + y) / (height + width - 2)];
      for (const ramp of ramps) {
        bytes[i] = Math.floor(0.9 * (255 * ramp) + (25.5 * hash(i, seed)) / 4294967296);
        i++;
      }
    }
  }
  return bytes;
}
