import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { WriteTorture } from './kill-in-write.js';

/** The project that the command runs in: this package, whose dependencies and self are its plugins. */
const project = fileURLToPath(new URL('..', import.meta.url));
const command = join(dirname(createRequire(import.meta.url).resolve('@graftjs/cli')), '../bin/graft.js');
const preload = fileURLToPath(new URL('../dist/kill-in-write.js', import.meta.url));

/** What a process of the command came to. */
export interface GraftOutcome {
  readonly stdout: string;
  readonly stderr: string;
  /** Null where it was killed. */
  readonly status: number | null;
  readonly killed: boolean;
  readonly milliseconds: number;
}

/** How a process is tortured. */
export interface Torture {
  /** Kills it after so many milliseconds. */
  readonly after?: number;
  readonly writes?: WriteTorture;
}

/** Runs the built command as a process of its own. */
export function runGraft(args: readonly string[], cache: string, torture: Torture = {}): Promise<GraftOutcome> {
  const { after, writes } = torture;
  const env = { ...process.env, GRAFT_CACHE: cache, ...(writes && { GRAFT_TORTURE: JSON.stringify(writes) }) };
  const node = writes ? ['--import', preload] : [];
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...node, command, ...args], {
      cwd: project,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const timer = after === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), after);
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (data) => {
      stdout += data;
    });
    child.stderr.on('data', (data) => {
      stderr += data;
    });
    child.on('error', reject);
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      resolve({ stdout, stderr, status, killed: signal === 'SIGKILL', milliseconds: performance.now() - started });
    });
  });
}
