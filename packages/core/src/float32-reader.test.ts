import { describe, expect, it } from 'vitest';
import type { CheckpointReader } from './checkpoint.js';
import { type DType, dtypeBytes } from './dtype.js';
import { readingFloat32 } from './float32-reader.js';

/** A file of one tensor. */
function file(dtype: Exclude<DType, 'string'>, bytes: Uint8Array, inParts: boolean): CheckpointReader {
  return {
    tensors: new Map([['x', { name: 'x', dtype, shape: [bytes.length / dtypeBytes[dtype]] }]]),
    async read(_, into) {
      into?.set(bytes);
      return into ?? bytes.slice();
    },
    ...(inParts && {
      async readPart(_: string, position: number, into: Uint8Array) {
        into.set(bytes.subarray(position, position + into.length));
      },
    }),
    readStrings: async () => [],
    close: async () => {},
  };
}

const floatsOf = (bytes: Uint8Array) => new Float32Array(bytes.slice().buffer);
const bytesOf = ({ buffer }: { buffer: ArrayBufferLike }) => new Uint8Array(buffer);

describe.each([true, false])('where the format gives parts: %s', (inParts) => {
  it('float16 is exactly what IEEE 754 says of its bits', async () => {
    // From the standard: signed zeros, the smallest and largest subnormal, the smallest and largest normal, one and the next.
    const bits = Uint16Array.of(0, 0x8000, 1, 0x3ff, 0x400, 0x7bff, 0x3c00, 0x3c01, 0xc000, 0x3555, 0x7c00, 0xfc00);
    const reader = readingFloat32(file('float16', bytesOf(bits), inParts));
    expect(reader.tensors.get('x')!.dtype).toBe('float32');
    expect(reader.castFrom('x')).toBe('float16');
    const infinity = Number.POSITIVE_INFINITY;
    expect([...floatsOf(await reader.read('x'))]).toEqual([
      ...[
        0,
        -0,
        2 ** -24,
        2 ** -14 - 2 ** -24,
        2 ** -14,
        65504,
        1,
        1 + 2 ** -10,
        -2,
        0x555 / 2 ** 12,
        infinity,
        -infinity,
      ],
    ]);
    const none = readingFloat32(file('float16', bytesOf(Uint16Array.of(0x7e00)), inParts));
    expect([...floatsOf(await none.read('x'))]).toEqual([Number.NaN]);
  });

  it('bfloat16 is the upper half of float32', async () => {
    const wide = Float32Array.of(1, -2.5, 3.140625, 2 ** -130, 2 ** 127, Number.POSITIVE_INFINITY);
    const half = Uint16Array.from(new Uint32Array(wide.buffer), (bits) => bits >>> 16);
    const reader = readingFloat32(file('bfloat16', bytesOf(half), inParts));
    expect([...floatsOf(await reader.read('x'))]).toEqual([...wide]);
  });

  it('float64 is rounded', async () => {
    const wide = Float64Array.of(1 / 3, -1e-50, 1e50, 1 + 2 ** -30);
    const reader = readingFloat32(file('float64', bytesOf(wide), inParts));
    expect([...floatsOf(await reader.read('x'))]).toEqual([...wide].map(Math.fround));
  });

  it('reads any place of more than is held at a time, into an array at any place', async () => {
    const count = 3_000_000;
    const wide = Float64Array.from({ length: count }, (_, index) => index / 8);
    const reader = readingFloat32(file('float64', bytesOf(wide), inParts));
    const all = floatsOf(await reader.read('x'));
    expect(all.findIndex((value, index) => value !== index / 8)).toBe(-1);
    const into = new Uint8Array(4 * count + 1).subarray(1);
    expect(await reader.read('x', into)).toBe(into);
    expect(Buffer.compare(into, new Uint8Array(all.buffer))).toBe(0);
    if (!inParts) return;
    const part = new Uint8Array(12);
    await reader.readPart!('x', 4 * 2_900_000, part);
    expect([...floatsOf(part)]).toEqual([362500, 362500.125, 362500.25]);
  });

  it.each(['float32', 'int64', 'uint8'] as const)('%s stays as it is', async (dtype) => {
    const bytes = Uint8Array.from({ length: 16 }, (_, index) => index);
    const reader = readingFloat32(file(dtype, bytes, inParts));
    expect([reader.tensors.get('x')!.dtype, reader.castFrom('x')]).toEqual([dtype, undefined]);
    expect(await reader.read('x')).toEqual(bytes);
  });
});

it('a place of another size is refused', async () => {
  const reader = readingFloat32(file('float16', new Uint8Array(4), true));
  await expect(reader.read('x', new Uint8Array(4))).rejects.toMatchObject({ code: 'checkpoint/destination-size' });
});
