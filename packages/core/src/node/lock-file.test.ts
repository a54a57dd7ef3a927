import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { afterEach, beforeEach, expect, it, onTestFinished } from 'vitest';
import type { FileLock, LockHolder } from '../files.js';
import { nodeFileSystem as files } from './file-system.js';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'graft-lock-'));
  path = join(folder, 'lock');
});
afterEach(() => rm(folder, { recursive: true }));

const ofBuild = new URL('../../dist/node/index.js', import.meta.url);
/** Says what came of the lock as soon as it is told to take it, and keeps it until it is killed. */
const source = `
  const { nodeFileSystem } = await import(${JSON.stringify(ofBuild)});
  process.stdin.once('data', async () => {
    const lock = await nodeFileSystem.lock(process.argv[1]);
    console.log(lock.heldBy ?? 'mine');
  });
  console.log('ready');
`;

type Child = ChildProcessByStdio<Writable, Readable, null>;

const line = async (child: Child): Promise<string> =>
  String(await new Promise((resolve) => child.stdout.once('data', resolve))).trim();

/** A process that is ready to take the lock. */
async function contender(): Promise<Child> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', source, path], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  expect(await line(child)).toBe('ready');
  return child;
}

function take(child: Child): Promise<string> {
  child.stdin.write('take it\n');
  return line(child);
}

async function kill(child: Child): Promise<void> {
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}

const held = (lock: FileLock | LockHolder): FileLock => {
  if ('heldBy' in lock) throw new Error(`It is held by ${lock.heldBy}`);
  return lock;
};

const nameOf = (pid: number | undefined) => `process ${pid} on ${hostname()}`;

it('is held by one at a time, who is named, in this process too', async () => {
  const lock = held(await files.lock(path));
  expect(await files.lock(path)).toEqual({ heldBy: nameOf(process.pid) });
  await lock.release();
  expect(await readdir(folder)).toEqual([]);
  await held(await files.lock(path)).release();
});

it('is free at once when the process that held it is killed', async () => {
  const child = await contender();
  expect(await take(child)).toBe('mine');
  expect(await files.lock(path)).toEqual({ heldBy: nameOf(child.pid) });
  await kill(child);
  await held(await files.lock(path)).release();
});

it('goes to one of many that race for what a killed process left, over and over', async () => {
  let last = await contender();
  expect(await take(last)).toBe('mine');
  for (let round = 0; round < 2; round++) {
    const racing = await Promise.all(Array.from({ length: 5 }, contender));
    await kill(last);
    const outcomes = await Promise.all(racing.map(take));
    const winner = racing[outcomes.indexOf('mine')]!;
    expect(outcomes.toSorted()).toEqual(['mine', ...new Array(4).fill(nameOf(winner.pid))]);
    for (const child of racing) if (child !== winner) await kill(child);
    last = winner;
  }
});

it('goes to one of many where each holder removes it when done', async () => {
  let [holders, taken] = [0, 0];
  const once = async () => {
    for (;;) {
      const lock = await files.lock(path);
      await new Promise(setImmediate);
      if ('heldBy' in lock) continue;
      taken++;
      expect(++holders).toBe(1);
      await new Promise(setImmediate);
      holders--;
      return lock.release();
    }
  };
  await Promise.all(Array.from({ length: 20 }, once));
  expect(taken).toBe(20);
});

it('does not take a file for its holder, though the process that it names runs', async () => {
  await writeFile(path, JSON.stringify({ pid: process.ppid, host: hostname() }));
  await held(await files.lock(path)).release();
});

it('refuses a folder that is not there', async () => {
  await expect(files.lock(join(folder, 'none', 'lock'))).rejects.toThrow('ENOENT');
});
