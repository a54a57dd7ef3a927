import { DataError, type MaskedPicture, type MaskedValues, type Random, UsageError, voidLabel } from '@graftjs/core';
import { formulaPicture } from '@graftjs/core/testing';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../random.js';
import { createMaskPreprocessing } from './create-mask-preprocessing.js';

const all = ['none', 'flip', 'crop', 'crop,flip', 'crop,scale', 'crop,flip,scale'];
const of = (names: string) => createMaskPreprocessing(names.split(','));

/** Noise, and a mask with void among its labels. */
function noise(height: number, width: number): MaskedPicture {
  const mask = Uint8Array.from({ length: height * width }, (_, i) => (i % 11 === 0 ? voidLabel : (i * i) % 21));
  return { data: formulaPicture('noise', height, width), mask, height, width };
}

/** Red is the column, green the row; the mask is one of them. */
function ramp(height: number, width: number, axis: 0 | 1): MaskedPicture {
  const mask = Uint8Array.from({ length: height * width }, (_, i) => (axis === 0 ? i % width : Math.floor(i / width)));
  const data = new Uint8Array(height * width * 3).fill(255);
  for (let i = 0; i < height * width; i++) data.set([i % width, Math.floor(i / width)], i * 3);
  return { data, mask, height, width };
}

/** How far the labels of a ramp are from its colours; what is void has to be black. */
function largestDistance({ values, mask }: MaskedValues, axis: 0 | 1): number {
  let largest = 0;
  for (let i = 0; i < mask.length; i++) {
    const distance =
      mask[i] === voidLabel
        ? values[i * 3]! + values[i * 3 + 1]! + values[i * 3 + 2]!
        : Math.abs(mask[i]! - values[i * 3 + axis]!);
    largest = Math.max(largest, distance);
  }
  return largest;
}

/** Draws these uniform and whole numbers. */
function script(uniform: number[], below: number[] = []): Random {
  return { uniform: () => uniform.shift()!, below: () => below.shift()! };
}

/** What a square has that begins at a row and a column of a picture: black and void outside of it. */
function squareAt(picture: MaskedPicture, top: number, left: number, size: number, mirrored = false): MaskedValues {
  const values = new Float32Array(size * size * 3);
  const mask = new Uint8Array(size * size).fill(voidLabel);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const [row, column] = [top + y, left + (mirrored ? size - 1 - x : x)];
      if (row >= picture.height || column >= picture.width) continue;
      mask[y * size + x] = picture.mask[row * picture.width + column]!;
      for (let c = 0; c < 3; c++)
        values[(y * size + x) * 3 + c] = picture.data[(row * picture.width + column) * 3 + c]!;
    }
  }
  return { values, mask };
}

/** Rows and columns that are not all void. */
function extent({ mask }: MaskedValues, size: number): [rows: number, columns: number] {
  const rows = new Set<number>();
  const columns = new Set<number>();
  for (let i = 0; i < mask.length; i++) {
    if (mask[i] === voidLabel) continue;
    rows.add(Math.floor(i / size));
    columns.add(i % size);
  }
  return [rows.size, columns.size];
}

describe('createMaskPreprocessing', () => {
  it.each([['scale'], ['flip,scale'], ['none,flip'], ['vgg'], ['flip,flip'], ['']])(
    'refuses %j and lists what is accepted',
    (names) => {
      expect(() => of(names)).toThrow(UsageError);
      expect(() => of(names)).toThrow(`Accepted: ${all.join(', ')}.`);
    },
  );

  it('takes names in any order', () => {
    expect(of('scale,flip,crop')).toBe(of('crop,flip,scale'));
  });

  it.each(all)('%s keeps the mask pixel on pixel with the picture, in training and evaluation', (names) => {
    const preprocessing = of(names);
    for (const [height, width] of [
      [60, 90],
      [33, 20],
      [40, 40],
    ] as const) {
      for (const axis of [0, 1] as const) {
        const picture = ramp(height, width, axis);
        const squares = Array.from({ length: 12 }, (_, key) => preprocessing.train(picture, 40, createRandom(key)));
        for (const square of [...squares, preprocessing.evaluate(picture, 40)]) {
          // Halfway between two pixels either label is right.
          expect(largestDistance(square, axis)).toBeLessThanOrEqual(0.5 + 1e-5);
        }
      }
    }
  });

  it.each(all)('%s makes up no label', (names) => {
    const picture = noise(37, 53);
    const labels = new Set(picture.mask);
    for (let key = 0; key < 20; key++) {
      const { mask } = of(names).train(picture, 32, createRandom(key));
      expect([...new Set(mask)].filter((label) => !labels.has(label))).toEqual([]);
    }
  });

  it.each([
    [0, 0],
    [7, 3],
    [12, 29],
  ])('crop drawn at %i, %i is that part of the picture', (top, left) => {
    const picture = noise(32, 49);
    expect(of('crop').train(picture, 20, script([], [top, left]))).toEqual(squareAt(picture, top, left, 20));
    const flipped = of('crop,flip').train(picture, 20, script([0.4999], [top, left]));
    expect(flipped).toEqual(squareAt(picture, top, left, 20, true));
    const kept = of('crop,flip').train(picture, 20, script([0.5], [top, left]));
    expect(kept).toEqual(squareAt(picture, top, left, 20));
  });

  it('crop surrounds what is too small with black and void', () => {
    const picture = noise(15, 49);
    expect(of('crop').train(picture, 20, script([], [0, 29]))).toEqual(squareAt(picture, 0, 29, 20));
    const tiny = noise(5, 3);
    expect(of('crop').train(tiny, 20, createRandom(1))).toEqual(squareAt(tiny, 0, 0, 20));
  });

  it('crop reaches every place, and no other', () => {
    const picture = ramp(24, 26, 0);
    const lefts = new Set<number>();
    for (let key = 0; key < 200; key++) lefts.add(of('crop').train(picture, 20, createRandom(key)).mask[0]!);
    expect([...lefts].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it.each([
    [0, 20, 30],
    [1 / 3, 40, 60],
    [0.999999, 80, 120],
  ])('scale drawn at %f makes 40 x 60 pixels %i x %i', (uniform, rows, columns) => {
    const picture = ramp(40, 60, 0);
    expect(extent(of('crop,scale').train(picture, 200, script([uniform], [0, 0])), 200)).toEqual([rows, columns]);
  });

  it.each([
    [60, 90, 40, 27, 40],
    [33, 20, 40, 40, 24],
    [10, 10, 40, 40, 40],
    [300, 1, 40, 40, 1],
  ])('a picture of %i x %i is fitted into %i as %i x %i', (height, width, size, rows, columns) => {
    for (const names of ['none', 'crop,flip,scale']) {
      const picture = { ...noise(height, width), mask: new Uint8Array(height * width).fill(3) };
      expect(extent(of(names).evaluate(picture, size), size)).toEqual([rows, columns]);
    }
    const picture = noise(height, width);
    expect(of('none').train(picture, size, createRandom(1))).toEqual(of('none').evaluate(picture, size));
  });

  it('leaves a picture of the right size as it is', () => {
    const picture = noise(20, 20);
    expect(of('none').evaluate(picture, 20)).toEqual(squareAt(picture, 0, 0, 20));
    expect(of('flip').train(picture, 20, script([0]))).toEqual(squareAt(picture, 0, 0, 20, true));
  });

  it('leaves the picture and its mask to whoever gave them', () => {
    const picture = noise(20, 20);
    of('flip').train(picture, 20, script([0]));
    expect(picture).toEqual(noise(20, 20));
  });

  it('gives the same for the same keys', () => {
    const picture = noise(50, 70);
    const first = of('crop,flip,scale').train(picture, 24, createRandom(4, 2));
    expect(of('crop,flip,scale').train(picture, 24, createRandom(4, 2))).toEqual(first);
    expect(of('crop,flip,scale').train(picture, 24, createRandom(4, 3))).not.toEqual(first);
  });

  it.each(all)('%s refuses a mask of another size', (names) => {
    const picture = { ...noise(20, 20), mask: new Uint8Array(399) };
    for (const prepare of [() => of(names).evaluate(picture, 8), () => of(names).train(picture, 8, createRandom(1))]) {
      expect(prepare).toThrow(DataError);
      expect(prepare).toThrow('a mask of 399');
    }
  });
});
