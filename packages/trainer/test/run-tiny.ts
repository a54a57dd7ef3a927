import type { Dataset } from '@graftjs/core';
import { nodeFileSystem as files } from '@graftjs/core/node';
import type { RunEvent } from '../src/events.js';
import { finetune } from '../src/finetune.js';
import type { RunConfigInput } from '../src/run-config.js';
import { temporaryFolder, tinyConfig, tinyContainer } from './tiny.js';

/** Runs it in a folder of its own, and gives what it told besides. */
export async function runTiny(config: RunConfigInput, ...datasets: readonly Dataset[]) {
  const folder = `${await temporaryFolder()}/run`;
  const events: RunEvent[] = [];
  const container = tinyContainer(...datasets);
  const result = await finetune(config, container, { files, folder, onEvent: (event) => events.push(event) });
  const of = <T extends RunEvent['type']>(type: T) =>
    events.filter((event): event is Extract<RunEvent, { type: T }> => event.type === type);
  return { folder, container, result, events, of };
}

/** The tiny config with a number of steps instead of epochs. */
export function tinySteps(steps: number): RunConfigInput {
  const { epochs: _, ...config } = tinyConfig;
  return { ...config, steps };
}
