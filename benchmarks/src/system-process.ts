import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { RunError } from '@graftjs/core';
import type { End, Measure, Settings } from './protocol.js';
import { type PythonEnvironment, pythonOf } from './python-environment.js';
import { tfjsHome } from './tfjs-environment.js';

/** A script of `src/systems`, built, or of `peers`, and what runs it. */
export interface Program {
  readonly runtime: 'node' | 'tfjs' | PythonEnvironment;
  readonly script: string;
  /** Whether a script that `node` runs needs a tfjs-node. */
  readonly usesTfjs?: boolean;
}

/** The command, its script, and what the script is given after the settings. */
async function commandOf({ runtime, script }: Program, folder: string): Promise<[string, string, ...string[]]> {
  if (runtime === 'node') return [process.execPath, fileURLToPath(new URL(`systems/${script}`, import.meta.url))];
  const peer = fileURLToPath(new URL(`../peers/${script}`, import.meta.url));
  if (runtime === 'tfjs') return [process.execPath, peer, await tfjsHome(folder)];
  return [await pythonOf(runtime, folder), peer];
}

/**
 * Runs a system in a process of its own until it ends.
 * @param onMeasure called with each measured step
 * @throws RunError `run/system` with the end of its standard error where it fails
 */
export async function finish(
  program: Program,
  settings: Settings,
  folder: string,
  onMeasure: (measure: Measure) => void = () => {},
): Promise<End> {
  const [command, script, ...more] = await commandOf(program, folder);
  const env = { ...process.env, ...(program.usesTfjs && { GRAFT_TFJS: await tfjsHome(folder) }) };
  const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe'];
  const child = spawn(command, [script, JSON.stringify(settings), ...more], { env, stdio });
  const closed = once(child, 'close');
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-4000);
  });
  let end: End | undefined;
  for await (const line of createInterface(child.stdout)) {
    if (!line.startsWith('{')) continue;
    const message = JSON.parse(line) as Measure | End;
    if ('peakBytes' in message) end = message;
    else onMeasure(message);
  }
  const [status, signal] = await closed;
  if (status === 0 && end) return end;
  throw new RunError('run/system', `${program.script} ended with ${signal ?? `status ${status}`}:\n${errors}`, {
    details: { program, settings, status, signal },
  });
}
