import { GraphBuilder } from '@graftjs/core';
import { expect, it } from 'vitest';
import { checkMemory } from './check-memory.js';

function network() {
  const graph = new GraphBuilder('net', { name: 'images', shape: [1, 1, 3], dtype: 'uint8' });
  return graph.build(graph.reshape(graph.input, { name: 'r', shape: [3] }), []);
}
const check = (batch: number, available: number) => checkMemory(network(), (n) => 1e9 + n * 1.5e8, batch, available);

it('passes what fits, to the byte', () => {
  check(32, 1e9 + 32 * 1.5e8);
  expect(() => check(32, 1e9 + 32 * 1.5e8 - 1)).toThrow(/largest batch that fits is 31: --batch-size 31\.$/);
});

it('names the largest batch that fits, and how to have steps of as many images', () => {
  expect(() => check(32, 3e9)).toThrowError(
    expect.objectContaining({
      code: 'run/memory',
      message:
        'Training net with batches of 32 takes about 5.8 GB, and 3.0 GB are available. The largest batch that fits is 13: ' +
        '--batch-size 13, and --accumulate 3 for steps of about as many images.',
      details: { needed: 5.8e9, available: 3e9, largestBatch: 13 },
    }),
  );
});

it('says what to do where nothing fits', () => {
  expect(() => check(32, 9e8)).toThrow(
    /Not even one image at a time fits, which takes 1\.1 GB.*--train head.*--width/s,
  );
});
