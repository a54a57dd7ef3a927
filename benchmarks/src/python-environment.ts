import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RunError, UsageError } from '@graftjs/core';

const environments = {
  torch: { variable: 'GRAFT_BENCH_TORCH', packages: ['torch', 'torchvision'] },
  tensorflow: {
    variable: 'GRAFT_BENCH_TENSORFLOW',
    packages: ['tensorflow-cpu==2.15.1', 'tf_slim==1.1.0', 'tf_keras==2.15.1', 'numpy<2', 'protobuf<5'],
  },
} as const;

export type PythonEnvironment = keyof typeof environments;

/** Runs a command whose output goes to standard error. */
export async function command(program: string, options: readonly string[]): Promise<void> {
  const child = spawn(program, options, { stdio: ['ignore', process.stderr, process.stderr] });
  const [status] = await once(child, 'exit');
  if (status !== 0) throw new RunError('run/command', `${program} ${options.join(' ')} ended with status ${status}.`);
}

/**
 * The Python of an environment with a peer's packages: the one that GRAFT_BENCH_TORCH or GRAFT_BENCH_TENSORFLOW names, or
 * one that is made in `folder` by venv and pip, once. TensorFlow 2.15 needs a `python3` of version 3.9 to 3.11.
 */
export async function pythonOf(name: PythonEnvironment, folder: string): Promise<string> {
  const { variable, packages } = environments[name];
  const given = process.env[variable];
  if (given) {
    if (existsSync(given)) return given;
    throw new UsageError('usage/python', `${variable} is '${given}', where no file is. Give the path of a python.`);
  }
  const home = join(folder, name);
  const python = join(home, 'bin', 'python');
  const installed = join(home, 'installed.txt');
  const wanted = packages.join('\n');
  if ((await readFile(installed, 'utf8').catch(() => '')) === wanted) return python;
  process.stderr.write(`Installing ${packages.join(', ')} into ${home} ...\n`);
  await mkdir(folder, { recursive: true });
  await command('python3', ['-m', 'venv', home]);
  await command(python, ['-m', 'pip', 'install', '--quiet', ...packages]);
  await writeFile(installed, wanted);
  return python;
}
