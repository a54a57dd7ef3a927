import { BACKBONE, ENGINE, type Graph, type Image, resolve, SEGMENTER } from '@graftjs/core';
import { formulaImage } from '@graftjs/core/testing';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { tinyMaskContainer } from '../../test/tiny-masks.js';
import { initialValue } from '../initializers.js';
import { resizeBilinear } from '../preprocessing/resize-bilinear.js';
import { segmentImage } from './segment-image.js';
import { SizedNetwork } from './sized-network.js';
import type { ViewOptions } from './view-options.js';

const classes = 3;
const container = tinyMaskContainer();
const engine = resolve(container, ENGINE, 'onnx');
const build = (height: number, width: number): Graph =>
  resolve(container, SEGMENTER, 'tiny_fine').build(resolve(container, BACKBONE, 'tiny_net'), { size: [height, width] });

/** The tiny network as it starts. */
function network(): SizedNetwork {
  const made = new SizedNetwork({
    build: ({ height, width }) => build(height, width),
    open: (graph) => engine.open(graph),
    async restore(session) {
      for (const variable of session.graph.variables) session.write(variable.name, initialValue(variable, 3));
    },
  });
  onTestFinished(() => made.close());
  return made;
}

const segment = (image: Image, views: ViewOptions = {}, sizeOf = (size: { height: number; width: number }) => size) =>
  segmentImage(image, { network: network(), classes, sizeOf, ...views });

/** Softmax of what the network gives for bytes. */
async function probabilities(pixels: Uint8Array, height: number, width: number): Promise<Float32Array> {
  const session = await engine.open(build(height, width));
  for (const variable of session.graph.variables) session.write(variable.name, initialValue(variable, 3));
  const logits = (await session.predict(pixels, 1)).get(session.graph.output)!;
  await session.close();
  return logits.map((logit, i) => {
    const own = logits.subarray(i - (i % classes), i - (i % classes) + classes);
    return Math.exp(logit) / own.reduce((sum, other) => sum + Math.exp(other), 0);
  });
}

const largest = (sums: Float32Array): Uint8Array =>
  Uint8Array.from({ length: sums.length / classes }, (_, i) => {
    const own = sums.subarray(i * classes, (i + 1) * classes);
    return own.indexOf(Math.max(...own));
  });

const [height, width] = [20, 18];
const image: Image = { data: formulaImage('views', height, width), height, width };
const mirrored = (values: Uint8Array | Float32Array, channels: number) =>
  values.map((_, i) => {
    const [pixel, channel] = [Math.floor(i / channels), i % channels];
    const x = pixel % width;
    return values[(pixel - x + (width - 1 - x)) * channels + channel]!;
  });

describe('the mask of an image', () => {
  let whole: Float32Array;
  beforeAll(async () => {
    whole = await probabilities(image.data, height, width);
  });

  it('is what the network finds most likely, in images of any size', async () => {
    expect(await segment(image)).toEqual(largest(whole));
    expect(new Set(largest(whole)).size).toBe(classes);
  });

  it('with flip comes of the mean with the mirror image', async () => {
    const other = mirrored(await probabilities(mirrored(image.data, 3) as Uint8Array, height, width), classes);
    const expected = largest(whole.map((value, i) => value + other[i]!));
    expect(await segment(image, { flip: true })).toEqual(expected);
    expect(expected).not.toEqual(largest(whole));
  });

  it('with windows comes of the mean where they lie one over the other', async () => {
    const sums = new Float32Array(whole.length);
    const counts = new Float32Array(whole.length);
    // Windows of 16 lie at 0 and 4 of 20 rows, and at 0 and 2 of 18 columns.
    for (const top of [0, 4]) {
      for (const left of [0, 2]) {
        const pixels = new Uint8Array(16 * 16 * 3);
        for (let y = 0; y < 16; y++) {
          const start = ((top + y) * width + left) * 3;
          pixels.set(image.data.subarray(start, start + 48), y * 48);
        }
        const found = await probabilities(pixels, 16, 16);
        for (const [i, value] of found.entries()) {
          const [y, rest] = [Math.floor(i / 48), i % 48];
          sums[(top + y) * width * classes + left * classes + rest]! += value;
          counts[(top + y) * width * classes + left * classes + rest]! += 1;
        }
      }
    }
    expect(await segment(image, { window: 16 })).toEqual(largest(sums.map((sum, i) => sum / counts[i]!)));
    expect(await segment(image, { window: 20 })).toEqual(largest(whole));
  });

  it('with scales comes of the mean of what is seen in each, back in the image’s size', async () => {
    const sums = whole.slice();
    for (const [rows, columns] of [
      [10, 9],
      [30, 27],
    ] as const) {
      const pixels = new Uint8Array(Uint8ClampedArray.from(resizeBilinear(image, rows, columns)).buffer);
      const found = await probabilities(pixels, rows, columns);
      const back = resizeBilinear({ data: found, height: rows, width: columns }, height, width);
      for (const [i, value] of back.entries()) sums[i]! += value;
    }
    expect(await segment(image, { scales: [0.5, 1, 1.5] })).toEqual(largest(sums));
  });

  it('is found in the size that the network was trained with', async () => {
    const pixels = new Uint8Array(Uint8ClampedArray.from(resizeBilinear(image, 10, 9)).buffer);
    const back = resizeBilinear({ data: await probabilities(pixels, 10, 9), height: 10, width: 9 }, height, width);
    expect(await segment(image, {}, () => ({ height: 10, width: 9 }))).toEqual(largest(back));
  });
});
