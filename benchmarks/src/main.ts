import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism, homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GraftError, pick } from '@graftjs/core';
import Table from 'cli-table3';
import { Command, InvalidArgumentError } from 'commander';
import { benchmarks, type Scale } from './benchmarks.js';
import { cells, columns, section, writeSection } from './results.js';
import { runBenchmark } from './run-benchmark.js';

const results = fileURLToPath(new URL('../RESULTS.md', import.meta.url));
const threads = availableParallelism();

/** Where environments, images and checkpoints are kept. */
function benchFolder(): string {
  const { GRAFT_CACHE, XDG_CACHE_HOME } = process.env;
  return resolve(GRAFT_CACHE || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'graft'), 'bench');
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new InvalidArgumentError('Give a whole number from 1 up.');
}

async function bench(name: string, { json, ...chosen }: Partial<Scale> & { json?: string }): Promise<void> {
  const benchmark = pick('benchmark', name, benchmarks);
  const scale = { ...benchmark.defaults, ...chosen };
  const folder = benchFolder();
  await mkdir(folder, { recursive: true });
  const outcome = await runBenchmark(name, benchmark, scale, threads, folder);
  const table = new Table({ head: columns, style: { head: [], border: [] } });
  table.push(...outcome.rows.map(cells));
  console.log(table.toString());
  await writeSection(results, name, section(name, benchmark, scale, threads, outcome));
  if (json !== undefined) await writeFile(json, `${JSON.stringify(outcome.rows, undefined, 2)}\n`);
}

const names = Object.entries(benchmarks).map(([name, { description }]) => `  ${name.padEnd(19)}${description}`);
const program = new Command('npm run bench --')
  .description('Runs a benchmark beside its peers, prints the table and puts it into RESULTS.md.')
  .argument('<name>', 'one of those below')
  .option('--json <file>', 'write the rows there too')
  .option('--batch <n>', 'images of a step', wholeNumber)
  .option('--size <px>', 'height and width of the images', wholeNumber)
  .option('--steps <n>', 'measured steps of a process', wholeNumber)
  .option('--rounds <n>', 'times that each system runs, in turn with the others', wholeNumber)
  .addHelpText('after', `\nBenchmarks:\n${names.join('\n')}`)
  .action(bench);
try {
  await program.parseAsync();
} catch (error) {
  if (!GraftError.isInstance(error)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error.code.startsWith('usage/') ? 2 : 1;
}
