import { readFile, writeFile } from 'node:fs/promises';
import { arch, cpus, totalmem, type } from 'node:os';
import type { Benchmark, Scale } from './benchmarks.js';
import type { Outcome, Row } from './run-benchmark.js';

const heading = '# Results\n\nWritten by `npm run bench -- NAME`; see README.md for what each name measures.\n';

/** Columns of what is shown of a row. */
export const columns = [
  'system',
  'images/s',
  's a step, median (range)',
  'cores used',
  'peak memory, GB',
  "Graft's speed over it",
];

/** A row as it is shown. */
export function cells({ system, imagesPerSecond, seconds, range, cores, peakBytes, ratio }: Row): string[] {
  const [least, most] = range.map((value) => value.toPrecision(3));
  return [
    system,
    imagesPerSecond?.toPrecision(3) ?? '',
    `${seconds.toPrecision(3)} (${least} to ${most})`,
    cores?.toFixed(2) ?? '',
    (peakBytes / 1e9).toFixed(2),
    ratio?.toFixed(2) ?? '',
  ];
}

/** The machine in one line. */
export function machine(): string {
  const memory = (totalmem() / 2 ** 30).toFixed(0);
  return `${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} cores, ${memory} GiB, ${type()} ${arch()}`;
}

const line = (values: readonly string[]) => `| ${values.join(' | ')} |`;

/** A benchmark's section of the results, in Markdown, from its heading to an empty line. */
export function section(name: string, { description }: Benchmark, scale: Scale, threads: number, outcome: Outcome) {
  const versions = Object.entries(outcome.versions).map(([what, version]) => `${what} ${version}`);
  const { batch, size, steps, rounds } = scale;
  return [
    `## ${name}`,
    '',
    `${description}. Batches of ${batch}, ${size} px, ${threads} threads; measured steps: ${steps} (after one for warming up) in each round, rounds: ${rounds}.`,
    '',
    `- ${new Date().toISOString().slice(0, 10)}, ${machine()}`,
    `- ${versions.join(', ')}`,
    '',
    line(columns),
    line(columns.map((_, index) => (index === 0 ? '---' : '---:'))),
    ...outcome.rows.map((row) => line(cells(row))),
    '',
    '',
  ].join('\n');
}

/** A text of results with a benchmark's section replaced, or added in the names' order. */
export function replaceSection(text: string, name: string, section: string): string {
  const [before, ...sections] = text.split(/^(?=## )/m);
  const others = sections.filter((each) => !each.startsWith(`## ${name}\n`));
  const all = [...others, section].sort((a, b) => (a < b ? -1 : 1));
  return `${[before, ...all].map((each) => each!.trim()).join('\n\n')}\n`;
}

/** Puts a section into the file of results. */
export async function writeSection(path: string, name: string, section: string): Promise<void> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return heading;
    throw error;
  });
  await writeFile(path, replaceSection(text, name, section));
}
