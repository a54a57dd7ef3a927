import { execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formulaImage } from '@graftjs/core/testing';
import sharp from 'sharp';
import { onTestFinished } from 'vitest';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** The package's folder: its devDependencies bring the plugins. */
export const packageFolder = at('..');
export const oracles = at('../../../oracles');
export const ownOracles = at('../fixtures/oracles');
export const checkpoints = at('../../ckpt-slim/fixtures');

/** The built command. */
export const bin = at('../bin/graft.js');

/** What a run of the command gave. */
export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the built command as a process of its own. */
export function graft(
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Outcome> {
  const { cwd = packageFolder, env = process.env } = options;
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [bin, ...args],
      { cwd, env, maxBuffer: 1 << 26 },
      (_error, stdout, stderr) => resolve({ status: child.exitCode, stdout, stderr }),
    );
  });
}

/** Runs the command, and each time that its standard error has the next of some lines, sends it SIGINT. */
export function graftInterrupted(
  args: readonly string[],
  lines: readonly RegExp[],
  { cwd = packageFolder }: { cwd?: string } = {},
): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [bin, ...args], { cwd });
    const waiting = [...lines];
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (data) => {
      stdout += data;
    });
    child.stderr.on('data', (data) => {
      stderr += data;
      if (!waiting[0]?.test(stderr)) return;
      waiting.shift();
      child.kill('SIGINT');
    });
    // A shell gives 128 and the signal's number for a process that a signal ended.
    child.on('close', (status, signal) => resolve({ status: signal === 'SIGINT' ? 130 : status, stdout, stderr }));
  });
}

/** Starts the command, and waits until its standard error has a line. */
export function graftStarted(
  args: readonly string[],
  line: RegExp,
): Promise<{ readonly pid: number; kill(signal: NodeJS.Signals): void; readonly ended: Promise<void> }> {
  const child = spawn(process.execPath, [bin, ...args], { cwd: packageFolder, stdio: ['ignore', 'ignore', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  let stderr = '';
  return new Promise((resolve, reject) => {
    child.stderr.on('data', (data) => {
      stderr += data;
      if (line.test(stderr)) resolve({ pid: child.pid!, kill: (signal) => void child.kill(signal), ended });
    });
    ended.then(() => reject(new Error(`It ended without that line:\n${stderr}`)));
  });
}

/** A folder that is removed when the test is over. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'graft-cli-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/**
 * A data set in CIFAR-10's binary layout: 20 images a file, of noise that is brighter the higher the class.
 * @returns its folder
 */
export async function writeCifar10(folder: string): Promise<string> {
  const [images, pixels] = [20, 3 * 32 * 32];
  await mkdir(folder, { recursive: true });
  for (const name of ['data_batch_1', 'data_batch_2', 'data_batch_3', 'data_batch_4', 'data_batch_5', 'test_batch']) {
    const bytes = Buffer.alloc(images * (1 + pixels));
    for (let index = 0; index < images; index++) {
      const label = index % 10;
      bytes[index * (1 + pixels)] = label;
      const noise = formulaImage(`${name}:${index}`, 32, 32);
      for (let i = 0; i < pixels; i++) bytes[index * (1 + pixels) + 1 + i] = label * 22 + noise[i]! / 8;
    }
    await writeFile(join(folder, `${name}.bin`), bytes);
  }
  return folder;
}

/** An image file of one colour. */
export async function writeImage(path: string, colour: readonly [number, number, number]): Promise<string> {
  const [r, g, b] = colour;
  await sharp({ create: { width: 40, height: 36, channels: 3, background: { r, g, b } } })
    .png()
    .toFile(path);
  return path;
}
