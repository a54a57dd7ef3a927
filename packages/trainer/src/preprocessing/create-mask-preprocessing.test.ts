import { DataError, type MaskedImage, type MaskedValues, type Random, UsageError, voidLabel } from '@graftjs/core';
import { formulaImage } from '@graftjs/core/testing';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../random.js';
import { createMaskPreprocessing } from './create-mask-preprocessing.js';

const all = ['none', 'flip', 'crop', 'crop,flip', 'crop,scale', 'crop,flip,scale'];
const of = (names: string) => createMaskPreprocessing(names.split(','));

/** Noise, and a mask with void among its labels. */
function noise(height: number, width: number): MaskedImage {
  const mask = Uint8Array.from({ length: height * width }, (_, i) => (i % 11 === 0 ? voidLabel : (i * i) % 21));
  return { data: formulaImage('noise', height, width), mask, height, width };
}

/** Red is the column, green the row; the mask is one of them. */
function ramp(height: number, width: number, axis: 0 | 1): MaskedImage {
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

/** What a square has that begins at a row and a column of an image: black and void outside of it. */
function squareAt(image: MaskedImage, top: number, left: number, size: number, mirrored = false): MaskedValues {
  const values = new Float32Array(size * size * 3);
  const mask = new Uint8Array(size * size).fill(voidLabel);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const [row, column] = [top + y, left + (mirrored ? size - 1 - x : x)];
      if (row >= image.height || column >= image.width) continue;
      mask[y * size + x] = image.mask[row * image.width + column]!;
      for (let c = 0; c < 3; c++) values[(y * size + x) * 3 + c] = image.data[(row * image.width + column) * 3 + c]!;
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

  it.each(all)('%s keeps the mask pixel on pixel with the image, in training and evaluation', (names) => {
    const preprocessing = of(names);
    for (const [height, width] of [
      [60, 90],
      [33, 20],
      [40, 40],
    ] as const) {
      for (const axis of [0, 1] as const) {
        const image = ramp(height, width, axis);
        const squares = Array.from({ length: 12 }, (_, key) => preprocessing.train(image, 40, createRandom(key)));
        for (const square of [...squares, preprocessing.evaluate(image, 40)]) {
          // Halfway between two pixels either label is right.
          expect(largestDistance(square, axis)).toBeLessThanOrEqual(0.5 + 1e-5);
        }
      }
    }
  });

  it.each(all)('%s makes up no label', (names) => {
    const image = noise(37, 53);
    const labels = new Set(image.mask);
    for (let key = 0; key < 20; key++) {
      const { mask } = of(names).train(image, 32, createRandom(key));
      expect([...new Set(mask)].filter((label) => !labels.has(label))).toEqual([]);
    }
  });

  it.each([
    [0, 0],
    [7, 3],
    [12, 29],
  ])('crop drawn at %i, %i is that part of the image', (top, left) => {
    const image = noise(32, 49);
    expect(of('crop').train(image, 20, script([], [top, left]))).toEqual(squareAt(image, top, left, 20));
    const flipped = of('crop,flip').train(image, 20, script([0.4999], [top, left]));
    expect(flipped).toEqual(squareAt(image, top, left, 20, true));
    const kept = of('crop,flip').train(image, 20, script([0.5], [top, left]));
    expect(kept).toEqual(squareAt(image, top, left, 20));
  });

  it('crop surrounds what is too small with black and void', () => {
    const image = noise(15, 49);
    expect(of('crop').train(image, 20, script([], [0, 29]))).toEqual(squareAt(image, 0, 29, 20));
    const tiny = noise(5, 3);
    expect(of('crop').train(tiny, 20, createRandom(1))).toEqual(squareAt(tiny, 0, 0, 20));
  });

  it('crop reaches every place, and no other', () => {
    const image = ramp(24, 26, 0);
    const lefts = new Set<number>();
    for (let key = 0; key < 200; key++) lefts.add(of('crop').train(image, 20, createRandom(key)).mask[0]!);
    expect([...lefts].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it.each([
    [0, 20, 30],
    [1 / 3, 40, 60],
    [0.999999, 80, 120],
  ])('scale drawn at %f makes 40 x 60 pixels %i x %i', (uniform, rows, columns) => {
    const image = ramp(40, 60, 0);
    expect(extent(of('crop,scale').train(image, 200, script([uniform], [0, 0])), 200)).toEqual([rows, columns]);
  });

  it.each([
    [60, 90, 40, 27, 40],
    [33, 20, 40, 40, 24],
    [10, 10, 40, 40, 40],
    [300, 1, 40, 40, 1],
  ])('an image of %i x %i is fitted into %i as %i x %i', (height, width, size, rows, columns) => {
    for (const names of ['none', 'crop,flip,scale']) {
      const image = { ...noise(height, width), mask: new Uint8Array(height * width).fill(3) };
      expect(extent(of(names).evaluate(image, size), size)).toEqual([rows, columns]);
    }
    const image = noise(height, width);
    expect(of('none').train(image, size, createRandom(1))).toEqual(of('none').evaluate(image, size));
  });

  it('leaves an image of the right size as it is', () => {
    const image = noise(20, 20);
    expect(of('none').evaluate(image, 20)).toEqual(squareAt(image, 0, 0, 20));
    expect(of('flip').train(image, 20, script([0]))).toEqual(squareAt(image, 0, 0, 20, true));
  });

  it('leaves the image and its mask to whoever gave them', () => {
    const image = noise(20, 20);
    of('flip').train(image, 20, script([0]));
    expect(image).toEqual(noise(20, 20));
  });

  it('gives the same for the same keys', () => {
    const image = noise(50, 70);
    const first = of('crop,flip,scale').train(image, 24, createRandom(4, 2));
    expect(of('crop,flip,scale').train(image, 24, createRandom(4, 2))).toEqual(first);
    expect(of('crop,flip,scale').train(image, 24, createRandom(4, 3))).not.toEqual(first);
  });

  it.each(all)('%s refuses a mask of another size', (names) => {
    const image = { ...noise(20, 20), mask: new Uint8Array(399) };
    for (const prepare of [() => of(names).evaluate(image, 8), () => of(names).train(image, 8, createRandom(1))]) {
      expect(prepare).toThrow(DataError);
      expect(prepare).toThrow('a mask of 399');
    }
  });
});
