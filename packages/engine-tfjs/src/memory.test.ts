import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const program = fileURLToPath(new URL('../test/measure-memory.mjs', import.meta.url));

async function expectTold(network: object): Promise<void> {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, JSON.stringify(network)], {
    encoding: 'utf8',
  });
  expect(status, stderr).toBe(0);
  const { measured, predicted } = JSON.parse(stdout) as { measured: number; predicted: number };
  expect(predicted / measured).toBeGreaterThan(5 / 6);
  expect(predicted / measured).toBeLessThan(7 / 6);
}

// What a process really takes at most is read from the system, which Linux alone tells.
describe.skipIf(process.platform !== 'linux')('tells the peak memory of a step within a sixth', () => {
  it('on the backend cpu', () => expectTold({ device: 'cpu', size: 32, width: 0.25, batch: 8, optimizer: 'momentum' }));

  it.skipIf(!process.env.GRAFT_TFJS).each([
    ['all layers', { size: 64, width: 0.5, batch: 64, optimizer: 'momentum' }],
    ['all layers, with Adam', { size: 128, width: 0.25, batch: 48, optimizer: 'adam' }],
    ['the head alone', { size: 96, width: 1, batch: 16, optimizer: 'momentum', scope: 'vgg_16/logits' }],
  ])('on tfjs-node: %s', (_, network) => expectTold({ device: 'node', ...network }));
});
