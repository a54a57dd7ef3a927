import { readFileSync } from 'node:fs';
import type { Image, Random } from '@graftjs/core';
import { smoothImage } from '@graftjs/core/testing';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../random.js';
import { flip } from './flip.js';
import { resizeBilinear } from './resize-bilinear.js';
import { slimInception } from './slim-inception.js';
import { slimVgg } from './slim-vgg.js';

interface Tensor {
  readonly size: number;
  readonly shape: number[];
  readonly mean: number;
  readonly norm: number;
  readonly at: number[];
  readonly values: number[];
}

interface VggCase {
  readonly from: [number, number];
  readonly size: number;
  readonly mean: number;
  readonly at: number[];
  readonly values: number[];
}

function fixture<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../../fixtures/${name}.json`, import.meta.url), 'utf8')) as T;
}

const oracle = new URL('../../../../oracles/preprocessing.json', import.meta.url);
const slim = JSON.parse(readFileSync(oracle, 'utf8')) as {
  cases: { picture: string; vgg_eval: Tensor; inception_eval: Tensor }[];
};
const steps = fixture<{ vggEvaluate: { cases: VggCase[] } }>('preprocessing-steps');

function image(name: string, height: number, width: number): Image {
  return { data: smoothImage(name, height, width), height, width };
}

/** The image that the oracle writes as `smooth_picture('NAME', HEIGHT, WIDTH)`. */
function imageOf(text: string): Image {
  const [, name, height, width] = /^smooth_picture\('(.+)', (\d+), (\d+)\)$/.exec(text)!;
  return image(name!, Number(height), Number(width));
}

function expectTensor(values: Float32Array, expected: Tensor): void {
  expect(values.length).toBe(expected.shape.reduce((product, size) => product * size, 1));
  const scale = expected.norm / Math.sqrt(values.length);
  let sum = 0;
  let squares = 0;
  for (const value of values) {
    sum += value;
    squares += value * value;
  }
  expect(Math.abs(sum / values.length - expected.mean) / scale).toBeLessThan(2e-4);
  expect(Math.abs(Math.sqrt(squares) - expected.norm) / expected.norm).toBeLessThan(2e-4);
  expected.at.forEach((at, i) => {
    expect(Math.abs(values[at]! - expected.values[i]!) / scale).toBeLessThan(2e-4);
  });
}

const means = [123.68, 116.78, 103.94];

describe("Slim's evaluation", () => {
  it.each(slim.cases)('vgg of $picture', ({ picture: text, vgg_eval: expected }) => {
    const values = slimVgg.evaluate(imageOf(text), expected.size);
    expectTensor(
      values.map((value, i) => value - means[i % 3]!),
      expected,
    );
  });

  it.each(slim.cases)('inception of $picture', ({ picture: text, inception_eval: expected }) => {
    const values = slimInception.evaluate(imageOf(text), expected.size);
    expectTensor(
      values.map((value) => value / 127.5 - 1),
      expected,
    );
  });

  it.each(steps.vggEvaluate.cases)('vgg rounds as rint does: $from to $size', ({ from, size, mean, at, values }) => {
    const evaluated = slimVgg.evaluate(image('vgg', ...from), size);
    expect(Math.abs(evaluated.reduce((sum, value) => sum + value, 0) / evaluated.length - mean)).toBeLessThan(0.01);
    at.forEach((index, i) => {
      expect(Math.abs(evaluated[index]! - values[i]!)).toBeLessThan(0.01);
    });
  });
});

/** Gives the numbers in a list, and writes down below what each whole one was drawn. */
function script(below: number[], uniform: number[]): { random: Random; limits: number[] } {
  const limits: number[] = [];
  const random: Random = {
    uniform: () => uniform.shift()!,
    below(limit) {
      limits.push(limit);
      return below.shift()!;
    },
  };
  return { random, limits };
}

describe("Slim's vgg training", () => {
  const source = image('train', 150, 100);

  it('draws side, place and mirroring from their ranges', () => {
    // Side 256 + 44 = 300, so that the image becomes 450 x 300.
    const { random, limits } = script([44, 226, 76], [0.5]);
    const values = slimVgg.train(source, 224, random);
    expect(limits).toEqual([257, 227, 77]);
    const window = { top: 226, left: 76, height: 224, width: 224 };
    const expected = resizeBilinear(source, 450, 300, { window });
    expect(Buffer.from(values.buffer).equals(Buffer.from(expected.buffer))).toBe(true);
    const mirrored = slimVgg.train(source, 224, script([44, 226, 76], [0.49]).random);
    flip(mirrored, 224, 224);
    expect(Buffer.from(mirrored.buffer).equals(Buffer.from(expected.buffer))).toBe(true);
  });

  it('scales the sides with the size', () => {
    const { random, limits } = script([0, 0, 0], [0.9]);
    slimVgg.train(source, 32, random);
    // 37 to 73; 37 x 55 or 56.
    expect(limits).toEqual([37, 56 - 32 + 1, 37 - 32 + 1]);
  });
});

describe.each([slimVgg, slimInception])('training with $name', (preprocessing) => {
  it.each([
    [1, 1],
    [3, 400],
    [400, 3],
    [37, 53],
  ])('gives values of 0 to 255, the same for the same keys, of an image of %i x %i', (height, width) => {
    const source: Image = { data: new Uint8Array(height * width * 3), height, width };
    for (let i = 0; i < source.data.length; i++) source.data[i] = i % 2 === 0 ? 255 : (i * 77) & 255;
    for (let key = 0; key < 20; key++) {
      const values = preprocessing.train(source, 24, createRandom(1, key));
      expect(values.length).toBe(24 * 24 * 3);
      expect(values.every((value) => value >= 0 && value <= 255)).toBe(true);
      expect(preprocessing.train(source, 24, createRandom(1, key))).toEqual(values);
    }
  });

  it('differs from draw to draw', () => {
    const source = image('draws', 60, 80);
    const random = createRandom(5);
    const first = preprocessing.train(source, 24, random);
    expect(preprocessing.train(source, 24, random)).not.toEqual(first);
  });

  it('mirrors every other image', () => {
    // Dark to the left, bright to the right.
    const source: Image = { data: new Uint8Array(64 * 64 * 3), height: 64, width: 64 };
    for (let i = 0; i < source.data.length; i++) source.data[i] = 40 + 2 * (Math.floor(i / 3) % 64);
    let mirrored = 0;
    for (let key = 0; key < 400; key++) {
      const values = preprocessing.train(source, 16, createRandom(key));
      if (values[0]! > values[15 * 3]!) mirrored++;
    }
    // 200 expected; the standard deviation is 10.
    expect(Math.abs(mirrored - 200)).toBeLessThan(50);
  });
});

describe("Slim's inception training", () => {
  it('keeps grey grey, and distorts the colours of everything else', () => {
    const grey: Image = { data: new Uint8Array(40 * 40 * 3).fill(120), height: 40, width: 40 };
    const shades = new Set<number>();
    for (let key = 0; key < 50; key++) {
      const values = slimInception.train(grey, 8, createRandom(key));
      shades.add(Math.round(values[0]!));
      // Brightness moves a flat grey by up to 32; contrast, hue and saturation leave it.
      expect(values.every((value) => Math.abs(value - values[0]!) < 1e-3)).toBe(true);
      expect(Math.abs(values[0]! - 120)).toBeLessThanOrEqual(32);
    }
    expect(shades.size).toBeGreaterThan(20);
    const red: Image = { ...grey, data: grey.data.map((_, i) => (i % 3 === 0 ? 180 : 90)) };
    const coloured = slimInception.train(red, 8, createRandom(3));
    expect(Math.abs(coloured[1]! - coloured[2]!)).toBeGreaterThan(1);
  });
});
