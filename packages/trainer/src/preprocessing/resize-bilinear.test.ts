import { readFileSync } from 'node:fs';
import { DataError, UsageError } from '@graftjs/core';
import { formulaImage, smoothImage } from '@graftjs/core/testing';
import { describe, expect, it } from 'vitest';
import { resizeBilinear } from './resize-bilinear.js';

interface ResizeCase {
  readonly from: [number, number];
  readonly to: [number, number];
  readonly values: number[];
}

const steps = JSON.parse(readFileSync(new URL('../../fixtures/preprocessing-steps.json', import.meta.url), 'utf8')) as {
  readonly resizeBilinear: { readonly cases: readonly ResizeCase[] };
};

describe('resizeBilinear', () => {
  it.each(steps.resizeBilinear.cases)('gives what TensorFlow gives from $from to $to', ({ from, to, values }) => {
    const [height, width] = from;
    const data = (height > 1 ? smoothImage : formulaImage)('resize', height, width);
    for (const source of [data, new Float32Array(data)]) {
      const resized = resizeBilinear({ data: source, height, width }, to[0], to[1]);
      expect(resized.length).toBe(values.length);
      resized.forEach((value, i) => {
        expect(Math.abs(value - values[i]!)).toBeLessThan(1e-4);
      });
    }
  });

  it('computes a window of the result as if it had been cropped afterwards', () => {
    const image = { data: smoothImage('window', 31, 47), height: 31, width: 47 };
    const whole = resizeBilinear(image, 53, 29);
    const window = resizeBilinear(image, 53, 29, { window: { top: 5, left: 9, height: 40, width: 11 } });
    const cropped = Array.from({ length: 40 }, (_, y) => whole.subarray((5 + y) * 87 + 27, (5 + y) * 87 + 60));
    expect([...window]).toEqual(cropped.flatMap((row) => [...row]));
  });

  it('resizes a part of the source as if it had been cropped before', () => {
    const data = smoothImage('part', 31, 47);
    const rows = Array.from({ length: 17 }, (_, y) => data.subarray(((6 + y) * 47 + 10) * 3, ((6 + y) * 47 + 33) * 3));
    const cropped = Uint8Array.from(rows.flatMap((row) => [...row]));
    const part = resizeBilinear({ data, height: 31, width: 47 }, 20, 40, {
      of: { top: 6, left: 10, height: 17, width: 23 },
    });
    expect([...part]).toEqual([...resizeBilinear({ data: cropped, height: 17, width: 23 }, 20, 40)]);
  });

  it('gives the same values at the same size', () => {
    const data = formulaImage('same', 32, 33);
    const resized = resizeBilinear({ data, height: 32, width: 33 }, 32, 33);
    expect(resized).toEqual(new Float32Array(data));
    expect(resizeBilinear({ data: resized, height: 32, width: 33 }, 32, 33).buffer).not.toBe(resized.buffer);
  });

  it.each([
    ['a channel short', { data: new Uint8Array(8), height: 2, width: 2 }],
    ['grey', { data: new Uint8Array(4), height: 2, width: 2 }],
    ['empty', { data: new Uint8Array(0), height: 0, width: 0 }],
    ['without a size', { data: new Uint8Array(12), height: Number.NaN, width: 2 }],
  ])('refuses an image that is %s', (_, image) => {
    expect(() => resizeBilinear(image, 4, 4)).toThrow(DataError);
  });

  it.each([0, -1, 2.5, Number.NaN, Number.POSITIVE_INFINITY])('refuses to resize to %d', (size) => {
    const image = { data: new Uint8Array(12), height: 2, width: 2 };
    expect(() => resizeBilinear(image, size, 4)).toThrow(UsageError);
    expect(() => resizeBilinear(image, 4, size)).toThrow(UsageError);
  });
});
