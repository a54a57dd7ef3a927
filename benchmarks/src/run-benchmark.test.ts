import { expect, it } from 'vitest';
import { median, rowsOf } from './run-benchmark.js';

it('takes the middle of the steps, so that one that was held up does not count', () => {
  expect(median([9, 1, 2])).toBe(2);
  expect(median([4, 1, 100, 2])).toBe(3);
});

it("gives Graft's speed over each system's, in images where images are handled and in time elsewhere", () => {
  const found = new Map([
    ['Graft', { images: 32, seconds: [2, 2], cpuSeconds: [3, 4], peakBytes: 1 }],
    ['Peer', { images: 8, seconds: [1, 1], cpuSeconds: [], peakBytes: 2 }],
    ['Wait', { images: 0, seconds: [0.5], cpuSeconds: [], peakBytes: 1 }],
  ]);
  const rows = rowsOf('train', found);
  expect(rows.map(({ imagesPerSecond, ratio }) => [imagesPerSecond, ratio])).toEqual([
    [16, 1],
    [8, 2],
    [null, null],
  ]);
  expect(rows.map(({ cores }) => cores)).toEqual([1.75, null, null]);
  const restore = new Map([
    ['Graft', { images: 0, seconds: [0.5], cpuSeconds: [], peakBytes: 1 }],
    ['Peer', { images: 0, seconds: [1], cpuSeconds: [], peakBytes: 2 }],
  ]);
  expect(rowsOf('restore', restore).map(({ ratio }) => ratio)).toEqual([1, 2]);
  expect(rowsOf('restore', restore, 'Peer').map(({ ratio }) => ratio)).toEqual([0.5, 1]);
});
