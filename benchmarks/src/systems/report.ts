import { createRequire } from 'node:module';
import type { End, Measure, Settings } from '../protocol.js';

const require = createRequire(import.meta.url);

const writeLine = (line: Measure | End) => process.stdout.write(`${JSON.stringify(line)}\n`);

/** What this process was told to do. */
export const settings: Settings = JSON.parse(process.argv[2] ?? '{}');

/** Reports something measured besides the steps of `timeSteps`. */
export function reportMeasure(seconds: number, images: number, system: string): void {
  writeLine({ system, images, seconds });
}

/** Runs a step `warmup + steps` times and reports the time of each that counts. */
export async function timeSteps(images: number, step: (index: number) => Promise<unknown>): Promise<void> {
  const { warmup, steps } = settings;
  for (let index = 0; index < warmup + steps; index++) {
    const start = performance.now();
    const before = process.cpuUsage();
    await step(index);
    if (index < warmup) continue;
    const seconds = (performance.now() - start) / 1000;
    const { user, system } = process.cpuUsage(before);
    writeLine({ system: settings.system, images, seconds, cpuSeconds: (user + system) / 1e6 });
  }
}

/** Reports the end, with the peak memory until now. */
export function reportEnd(): void {
  writeLine({
    peakBytes: process.resourceUsage().maxRSS * 1024,
    versions: {
      Node: process.versions.node,
      'onnxruntime-node': require('onnxruntime-node/package.json').version,
      ...(settings.engine?.name === 'tfjs' && { 'TensorFlow.js': require('@tensorflow/tfjs/package.json').version }),
    },
  });
}
