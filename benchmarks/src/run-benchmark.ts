import type { Benchmark, Scale } from './benchmarks.js';
import type { Settings } from './protocol.js';
import { finish } from './system-process.js';

/** What a benchmark found of one system. */
export interface Row {
  /** The benchmark's. */
  readonly name: string;
  readonly system: string;
  /** Of the median step; null where no images are handled. */
  readonly imagesPerSecond: number | null;
  /** The median step's. */
  readonly seconds: number;
  /** The fastest and the slowest step. */
  readonly range: readonly [number, number];
  /** How many cores it had on average; below the number of threads where the machine was busy. Null where unknown. */
  readonly cores: number | null;
  /** The most memory that one of the system's processes had resident. */
  readonly peakBytes: number;
  /** Graft's speed over this system's; null where the two do not handle the same. */
  readonly ratio: number | null;
}

export interface Outcome {
  readonly rows: readonly Row[];
  /** Of everything that ran, by name. */
  readonly versions: Readonly<Record<string, string>>;
}

/** What was reported under one label. */
interface Found {
  images: number;
  readonly seconds: number[];
  readonly cpuSeconds: number[];
  peakBytes: number;
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/** The middle of the values; of an even number of them, the mean of the middle two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
}

/** The rows of what was found; the first label, or `base`, is what the others are compared with. */
export function rowsOf(name: string, found: ReadonlyMap<string, Found>, base: string = [...found.keys()][0]!): Row[] {
  const own = found.get(base)!;
  const speed = ({ images, seconds }: Found) => (images > 0 ? images : 1) / median(seconds);
  return [...found].map(([system, one]) => ({
    name,
    system,
    imagesPerSecond: one.images > 0 ? speed(one) : null,
    seconds: median(one.seconds),
    range: [Math.min(...one.seconds), Math.max(...one.seconds)],
    cores: one.cpuSeconds.length > 0 ? sum(one.cpuSeconds) / sum(one.seconds) : null,
    peakBytes: one.peakBytes,
    ratio: one.images > 0 === own.images > 0 ? speed(own) / speed(one) : null,
  }));
}

/**
 * Runs the systems of a benchmark in turn, never two at a time, each in a process of its own in every round.
 * @param folder where environments, images and checkpoints are kept
 */
export async function runBenchmark(
  name: string,
  benchmark: Benchmark,
  scale: Scale,
  threads: number,
  folder: string,
): Promise<Outcome> {
  const prepared = await benchmark.prepare?.(scale, threads, folder);
  const found = new Map<string, Found>();
  const versions: Record<string, string> = {};
  for (let round = 1; round <= scale.rounds; round++) {
    for (const system of benchmark.systems) {
      const { batch, size, steps } = scale;
      const { task, network } = benchmark;
      const common = { system: system.name, task, network, batch, size, steps, warmup: 1, threads };
      const settings: Settings = { ...common, ...system.settings, ...prepared };
      const labels = new Set<string>();
      process.stderr.write(`round ${round} of ${scale.rounds}, ${system.name}\n`);
      const end = await finish(system.program, settings, folder, ({ system: label, images, seconds, cpuSeconds }) => {
        process.stderr.write(`  ${label}: ${seconds.toFixed(3)} s\n`);
        labels.add(label);
        if (!found.has(label)) found.set(label, { images, seconds: [], cpuSeconds: [], peakBytes: 0 });
        const one = found.get(label)!;
        one.seconds.push(seconds);
        if (cpuSeconds !== undefined) one.cpuSeconds.push(cpuSeconds);
      });
      for (const label of labels) {
        const one = found.get(label)!;
        one.peakBytes = Math.max(one.peakBytes, end.peakBytes);
      }
      Object.assign(versions, end.versions);
    }
  }
  return { rows: rowsOf(name, found, benchmark.base), versions };
}
