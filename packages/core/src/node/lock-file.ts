import { closeSync, constants, fstatSync, ftruncateSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { hostname } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import type { FileLock, LockHolder } from '../files.js';

/** The part of `fs-native-extensions` that is used; it brings no types. */
interface Locks {
  /** False where another open file has the lock. */
  tryLock(fd: number, offset: number, length: number): boolean;
}

/**
 * What is locked: on macOS the whole file, which is all that its locks can do; elsewhere a byte far behind the content, since
 * Windows lets nobody read what is locked.
 */
const range: readonly [offset: number, length: number] = process.platform === 'darwin' ? [0, 0] : [1 << 30, 1];

/** Whether `path` still leads to the open file: whoever held the lock before may have removed it. */
function isAt(path: string, fd: number): boolean {
  const [opened, found] = [fstatSync(fd, { bigint: true }), statSync(path, { bigint: true, throwIfNoEntry: false })];
  return found !== undefined && opened.ino === found.ino && opened.dev === found.dev;
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Writes who holds the lock. On a disk that is full nobody can tell; it is held all the same. */
function writeHolder(fd: number): void {
  try {
    ftruncateSync(fd);
    writeSync(fd, `${JSON.stringify({ pid: process.pid, host: hostname() })}\n`);
  } catch {}
}

/** Who holds the lock, by what it wrote. For the blink of an eye that may still be what a killed one had written. */
async function readHolder(path: string): Promise<string> {
  for (let tries = 0; tries < 10; tries++) {
    try {
      const { pid, host } = JSON.parse(readFileSync(path, 'utf8')) as { pid: number; host: string };
      if (host !== hostname() || isRunning(pid)) return `process ${pid} on ${host}`;
    } catch {
      // Not written yet.
    }
    await setTimeout(10);
  }
  return 'another process';
}

/**
 * A lock of the operating system on a file at `path`. The system gives it to one at a time and takes it back at the end of
 * the process, so that one that was killed leaves a file and no lock. Between machines it holds where their common file
 * system has such locks, as NFS 4 does.
 */
export async function lockFile(path: string): Promise<FileLock | LockHolder> {
  // Loaded only where it is needed, since it is native.
  const { tryLock } = createRequire(import.meta.url)('fs-native-extensions') as Locks;
  for (;;) {
    const fd = openSync(path, constants.O_RDWR | constants.O_CREAT);
    let held = false;
    try {
      if (!tryLock(fd, ...range)) return { heldBy: await readHolder(path) };
      if (!isAt(path, fd)) continue;
      held = true;
      writeHolder(fd);
    } finally {
      if (!held) closeSync(fd);
    }
    const release = async () => {
      await rm(path, { force: true }).catch(() => {});
      closeSync(fd);
    };
    return { release };
  }
}
