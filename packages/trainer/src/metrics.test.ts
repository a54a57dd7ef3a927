import { crossEntropy } from '@graftjs/core/testing';
import { describe, expect, it } from 'vitest';
import { ClassificationMetrics } from './metrics.js';
import { createRandom } from './random.js';

const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
const count = 60;

/** Logits in steps of a quarter, so that some are equal. */
const random = createRandom(5);
const logits = Float32Array.from({ length: count * names.length }, () => (random.below(40) - 20) / 4);
// No image is of the last class.
const labels = Int32Array.from({ length: count }, () => random.below(names.length - 1));

/** Sorts the classes of each image, as nobody would who is in a hurry. */
function reference() {
  const confusion = names.map(() => names.map(() => 0));
  let [loss, top1, top5] = [0, 0, 0];
  for (const [image, label] of labels.entries()) {
    const own = [...logits.subarray(image * names.length, (image + 1) * names.length)];
    const sorted = own.map((logit, index) => ({ logit, index })).sort((a, b) => b.logit - a.logit || a.index - b.index);
    const order = sorted.map(({ index }) => index);
    loss += crossEntropy(own, label) / count;
    if (order[0] === label) top1 += 1 / count;
    if (order.slice(0, 5).includes(label)) top5 += 1 / count;
    confusion[label]![order[0]!]!++;
  }
  return { loss, top1, top5, confusion };
}

describe('metrics', () => {
  it('are those of sorted logits, in whatever batches they come', () => {
    const expected = reference();
    for (const batch of [1, 7, count]) {
      const metrics = new ClassificationMetrics(names);
      for (let at = 0; at < count; at += batch) {
        const end = Math.min(count, at + batch);
        metrics.add(logits.subarray(at * names.length, end * names.length), labels.subarray(at, end));
      }
      const found = metrics.result();
      expect(found.count).toBe(count);
      expect(found.loss).toBeCloseTo(expected.loss, 10);
      expect(found.top1).toBeCloseTo(expected.top1, 12);
      expect(found.top5).toBeCloseTo(expected.top5, 12);
      expect(found.confusion).toEqual(expected.confusion);
      for (const [index, name] of names.entries()) {
        const own = labels.filter((label) => label === index).length;
        const accuracy = own === 0 ? null : expected.confusion[index]![index]! / own;
        expect(found.perClass[index]).toEqual({ name, count: own, accuracy });
      }
    }
  });

  it('do not overflow', () => {
    const metrics = new ClassificationMetrics(['a', 'b']);
    metrics.add(Float32Array.of(30000, -30000), Int32Array.of(1));
    expect(metrics.result().loss).toBe(60000);
  });

  it('give a network that tells nothing apart no more than its share', () => {
    const metrics = new ClassificationMetrics(names);
    for (const label of names.keys()) metrics.add(new Float32Array(names.length), Int32Array.of(label));
    const { top1, top5 } = metrics.result();
    expect([top1, top5]).toEqual([1 / 7, 5 / 7]);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('name what is %s', (value) => {
    const metrics = new ClassificationMetrics(['a', 'b']);
    expect(() => metrics.add(Float32Array.of(0, 1, 0, value), Int32Array.of(1, 0))).toThrow(
      `gives ${value} for class b of image 1`,
    );
  });
});
