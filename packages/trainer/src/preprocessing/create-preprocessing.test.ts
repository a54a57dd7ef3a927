import { type Image, type Random, UsageError } from '@graftjs/core';
import { formulaImage, smoothImage } from '@graftjs/core/testing';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../random.js';
import { createPreprocessing } from './create-preprocessing.js';
import { resizeBilinear } from './resize-bilinear.js';
import { slimInception } from './slim-inception.js';
import { slimVgg } from './slim-vgg.js';

const small: Image = { data: formulaImage('small', 32, 32), height: 32, width: 32 };
const photo: Image = { data: smoothImage('photo', 50, 70), height: 50, width: 70 };

/** Draws these whole numbers, then this uniform one. */
function script(below: number[], uniform = 0.9): Random {
  return { uniform: () => uniform, below: () => below.shift()! };
}

/** What an image of 32 x 32 gives, moved down and right, with black where it was not, and mirrored or not. */
function moved(down: number, right: number, mirrored: boolean): Float32Array {
  const values = new Float32Array(32 * 32 * 3);
  for (let y = 0; y < 32; y++) {
    for (let x = 0; x < 32; x++) {
      const from = [y - down, (mirrored ? 31 - x : x) - right] as const;
      if (from.some((place) => place < 0 || place > 31)) continue;
      for (let c = 0; c < 3; c++) values[(y * 32 + x) * 3 + c] = small.data[(from[0] * 32 + from[1]) * 3 + c]!;
    }
  }
  return values;
}

describe('createPreprocessing', () => {
  it('takes vgg and inception, each alone', () => {
    expect(createPreprocessing(['vgg'])).toBe(slimVgg);
    expect(createPreprocessing(['inception'])).toBe(slimInception);
  });

  it.each([[['vgg', 'flip']], [['none', 'crop']], [['flip', 'flip']], [['mixup']], [['']], [[]], [['toString']]])(
    'refuses %j and lists what is accepted',
    (names) => {
      expect(() => createPreprocessing(names)).toThrow(UsageError);
      expect(() => createPreprocessing(names)).toThrow('Accepted: none, flip, crop, crop,flip, vgg, inception.');
    },
  );

  it.each([[['none']], [['flip']], [['crop']], [['flip', 'crop']]])('%j resizes to evaluate', (names) => {
    const preprocessing = createPreprocessing(names);
    expect(preprocessing.evaluate(small, 32)).toEqual(new Float32Array(small.data));
    expect(preprocessing.evaluate(photo, 24)).toEqual(resizeBilinear(photo, 24, 24));
  });

  it('none trains as it evaluates', () => {
    expect(createPreprocessing(['none']).train(photo, 24, createRandom(1))).toEqual(resizeBilinear(photo, 24, 24));
  });

  it('flip mirrors below one half', () => {
    const preprocessing = createPreprocessing(['flip']);
    expect(preprocessing.train(small, 32, script([], 0.5))).toEqual(moved(0, 0, false));
    expect(preprocessing.train(small, 32, script([], 0.4999))).toEqual(moved(0, 0, true));
  });

  it.each([
    [0, 0, 4, 4],
    [4, 4, 0, 0],
    [8, 1, -4, 3],
    [3, 8, 1, -4],
  ])('crop drawn at %i, %i moves the image by %i and %i, with black around', (top, left, down, right) => {
    expect(createPreprocessing(['crop']).train(small, 32, script([top, left], 0.1))).toEqual(moved(down, right, false));
  });

  it('flip and crop go together, in any order', () => {
    for (const names of [
      ['flip', 'crop'],
      ['crop', 'flip'],
    ]) {
      const preprocessing = createPreprocessing(names);
      expect(preprocessing.name).toBe('crop,flip');
      expect(preprocessing.train(small, 32, script([6, 0], 0.1))).toEqual(moved(-2, 4, true));
    }
  });

  it('crop reaches every offset up to an eighth of the size, and no other', () => {
    const preprocessing = createPreprocessing(['crop']);
    const white: Image = { data: new Uint8Array(16 * 16 * 3).fill(255), height: 16, width: 16 };
    const tops = new Set<number>();
    for (let key = 0; key < 200; key++) {
      const values = preprocessing.train(white, 16, createRandom(key));
      // Black rows above count down, those below count up.
      let rows = 0;
      const bright = (y: number) => values.subarray(y * 48, y * 48 + 48).some((value) => value > 0);
      while (!bright(rows)) rows++;
      let below = 0;
      while (!bright(15 - below)) below++;
      tops.add(rows - below);
    }
    expect([...tops].sort((a, b) => a - b)).toEqual([-2, -1, 0, 1, 2]);
  });

  it('gives the same for the same keys', () => {
    const preprocessing = createPreprocessing(['flip', 'crop']);
    const first = preprocessing.train(photo, 24, createRandom(4, 2));
    expect(preprocessing.train(photo, 24, createRandom(4, 2))).toEqual(first);
    expect(preprocessing.train(photo, 24, createRandom(4, 3))).not.toEqual(first);
  });
});
