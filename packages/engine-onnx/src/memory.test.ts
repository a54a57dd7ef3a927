import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

/** Runs a program of `test` on a network, and compares what it said and took. */
function expectWithinTenth(program: string, network: unknown): void {
  const path = fileURLToPath(new URL(`../test/${program}`, import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [path, JSON.stringify(network)], { encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  const { measured, predicted } = JSON.parse(stdout) as { measured: number; predicted: number };
  expect(predicted / measured).toBeGreaterThan(0.9);
  expect(predicted / measured).toBeLessThan(1.1);
}

// What a process really takes at most is read from the system, which Linux alone tells.
const onLinux = it.skipIf(process.platform !== 'linux');

onLinux.each([
  ['all layers of a narrow network', { size: 64, width: 0.5, batch: 64, optimizer: 'momentum' }],
  ['all layers, with Adam, in groups', { size: 128, width: 0.25, batch: 100, optimizer: 'adam' }],
  ['branches, and normalization by the batch', { network: 'branches', size: 224, batch: 8, optimizer: 'momentum' }],
  ['the head alone', { size: 96, width: 1, batch: 16, optimizer: 'momentum', scope: 'vgg_16/logits' }],
])('tells the peak memory of a step within 10%%: %s', (_, network) => expectWithinTenth('measure-memory.mjs', network));

onLinux.each([
  { size: 1024, channels: 4, classes: 21, strides: 16 },
  { size: 512, channels: 4, classes: 21, strides: 32 },
])('tells the peak memory of scores that are enlarged within 10%%: $classes classes $strides times', (network) =>
  expectWithinTenth('measure-prediction.mjs', network),
);
