import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';

interface Sample extends NodeJS.MemoryUsage {
  readonly step: number;
}

it('1,000 steps end with the memory of the first hundred', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'graft-memory-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const program = fileURLToPath(new URL('../dist/steady-memory.js', import.meta.url));
  // Young objects get little room, so that it is full before the first hundred is over.
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--expose-gc',
    '--max-semi-space-size=1',
    program,
    folder,
  ]);
  const samples = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Sample);
  expect(samples.map(({ step }) => step)).toEqual(Array.from({ length: 10 }, (_, hundred) => 100 * (hundred + 1)));
  const [first, last] = [samples[0]!, samples.at(-1)!];
  const grown = (kind: 'heapUsed' | 'external' | 'rss') => (last[kind] - first[kind]) / 2 ** 20;
  console.log(samples.map(({ step, rss, heapUsed }) => `${step}: ${rss >> 20} MiB, heap ${heapUsed >> 20}`).join('; '));
  expect(grown('heapUsed'), 'MiB of the heap').toBeLessThan(2);
  // Images on their way are counted here, now more and now less.
  expect(grown('external'), 'MiB outside the heap').toBeLessThan(4);
  expect(grown('rss'), 'MiB of the process').toBeLessThan(24);
});
