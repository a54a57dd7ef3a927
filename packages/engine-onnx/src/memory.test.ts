import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const program = fileURLToPath(new URL('../test/measure-memory.mjs', import.meta.url));

// What a process really takes at most is read from the system, which Linux alone tells.
it.skipIf(process.platform !== 'linux').each([
  ['all layers of a narrow network', { size: 64, width: 0.5, batch: 64, optimizer: 'momentum' }],
  ['all layers, with Adam, in groups', { size: 128, width: 0.25, batch: 100, optimizer: 'adam' }],
  ['branches, and normalization by the batch', { network: 'branches', size: 224, batch: 8, optimizer: 'momentum' }],
  ['the head alone', { size: 96, width: 1, batch: 16, optimizer: 'momentum', scope: 'vgg_16/logits' }],
])('tells the peak memory of a step within 10%%: %s', (_, network) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, JSON.stringify(network)], {
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  const { measured, predicted } = JSON.parse(stdout) as { measured: number; predicted: number };
  expect(predicted / measured).toBeGreaterThan(0.9);
  expect(predicted / measured).toBeLessThan(1.1);
});
