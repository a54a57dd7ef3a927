import { readFileSync } from 'node:fs';
import { DataError, RunError, voidLabel } from '@graftjs/core';
import { describe, expect, it } from 'vitest';
import { createRandom } from './random.js';
import { SegmentationMetrics, type SegmentationScores } from './segmentation-metrics.js';

interface Case {
  readonly name: string;
  readonly classes: number;
  readonly images: readonly { readonly truth: string; readonly prediction: string }[];
  readonly scores: Pick<
    SegmentationScores,
    'pixelAccuracy' | 'meanAccuracy' | 'meanIou' | 'frequencyWeightedIou' | 'iou' | 'confusion'
  > & { readonly accuracy: readonly (number | null)[] };
}

const { cases } = JSON.parse(
  readFileSync(new URL('../fixtures/segmentation-scores.json', import.meta.url), 'utf8'),
) as { cases: Case[] };

const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'));
const named = (classes: number): string[] => Array.from({ length: classes }, (_, index) => `class ${index}`);

function expectClose(actual: number | null | undefined, expected: number | null): void {
  if (expected === null || actual === null || actual === undefined) expect(actual).toBe(expected);
  else expect(Math.abs(actual - expected)).toBeLessThanOrEqual(1e-14);
}

describe('segmentation metrics', () => {
  it.each(cases)("of $name are those of Berkeley's definition in numpy", ({ classes, images, scores }) => {
    const metrics = new SegmentationMetrics(named(classes));
    for (const { truth, prediction } of images) metrics.add(bytesOf(truth), bytesOf(prediction));
    const found = metrics.result();
    expect(found.count).toBe(images.length);
    expect(found.confusion).toEqual(scores.confusion);
    for (const name of ['pixelAccuracy', 'meanAccuracy', 'meanIou', 'frequencyWeightedIou'] as const) {
      expectClose(found[name], scores[name]);
    }
    for (let index = 0; index < classes; index++) {
      expectClose(found.iou[index], scores.iou[index]!);
      expectClose(found.perClass[index]!.accuracy, scores.accuracy[index]!);
      const pixels = scores.confusion[index]!.reduce((sum, each) => sum + each, 0);
      expect(found.perClass[index]).toMatchObject({ name: `class ${index}`, pixels });
    }
    expect(found.pixels).toBe(scores.confusion.flat().reduce((sum, each) => sum + each, 0));
  });

  it('are the same however the pixels are cut into images, and in any order', () => {
    const random = createRandom(3);
    const draw = (limit: number) => Uint8Array.from({ length: 600 }, () => random.below(limit));
    const truth = draw(5).map((label) => (label === 4 ? voidLabel : label));
    const prediction = draw(4);
    const whole = new SegmentationMetrics(named(4));
    whole.add(truth, prediction);
    const parts = new SegmentationMetrics(named(4));
    for (const start of [400, 0, 200]) {
      parts.add(truth.subarray(start, start + 200), prediction.subarray(start, start + 200));
    }
    expect(parts.result()).toEqual({ ...whole.result(), count: 3 });
  });

  it('are 1 for the truth, and do not see what is void', () => {
    const metrics = new SegmentationMetrics(named(3));
    metrics.add(Uint8Array.of(0, 1, 255, 1, 255), Uint8Array.of(0, 1, 2, 1, 255));
    expect(metrics.result()).toMatchObject({
      pixels: 3,
      pixelAccuracy: 1,
      meanAccuracy: 1,
      meanIou: 1,
      frequencyWeightedIou: 1,
      iou: [1, 1, null],
    });
  });

  it('are null where everything is void', () => {
    const metrics = new SegmentationMetrics(named(2));
    metrics.add(Uint8Array.of(255, 255), Uint8Array.of(0, 1));
    expect(metrics.result()).toMatchObject({
      count: 1,
      pixels: 0,
      pixelAccuracy: null,
      meanAccuracy: null,
      meanIou: null,
      frequencyWeightedIou: null,
      iou: [null, null],
    });
  });

  it.each([
    ['a label', Uint8Array.of(0, 1, 3), Uint8Array.of(0, 1, 0), DataError, 'data/label', 'image 1 has the label 3'],
    ['a prediction', Uint8Array.of(0, 1, 2), Uint8Array.of(0, 1, 255), RunError, 'run/prediction', 'came class 255'],
    ['a size', Uint8Array.of(0, 1, 2), Uint8Array.of(0, 1), DataError, 'data/mask-size', '3 pixels'],
  ])('refuse %s that cannot be, and count nothing of it', (_, truth, prediction, type, code, message) => {
    const metrics = new SegmentationMetrics(named(3));
    metrics.add(Uint8Array.of(0), Uint8Array.of(2));
    const before = metrics.result();
    const add = () => metrics.add(truth, prediction);
    expect(add).toThrow(type);
    expect(add).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) }));
    expect(metrics.result()).toEqual(before);
  });
});
