import { appendFileSync, writeSync } from 'node:fs';
import files, { type FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { isMainThread } from 'node:worker_threads';

// Loaded before the command by `node --import`. It sees all that the command changes on disk, and either notes each
// change or kills the process in the middle of one.

/** What is to be done, as JSON in the environment variable GRAFT_TORTURE. */
export type WriteTorture =
  /** Add a line for each change to this file: `rename run/config.json`. */
  | { readonly log: string }
  /** Of the changes whose lines a pattern matches, kill the process in the n-th, from 0 on, when a share of it is done. */
  | { readonly pattern: string; readonly nth: number; readonly share: number };

const torture = JSON.parse(process.env.GRAFT_TORTURE!) as WriteTorture;
let matching = 0;

/** Notes a change, or does what of it is done before the kill. */
function change(what: string, path: unknown, partly: (share: number) => void): void {
  const line = `${what} ${path}`;
  if ('log' in torture) appendFileSync(torture.log, `${line}\n`);
  else if (new RegExp(torture.pattern).test(line) && matching++ === torture.nth) {
    partly(torture.share);
    process.kill(process.pid, 'SIGKILL');
  }
}

const nothing = () => {};

/** A change that happens or does not: the kill comes before it. That after it is the next one's. */
function whole<Arguments extends readonly unknown[], Result>(
  what: string,
  work: (...args: Arguments) => Result,
  pathOf: (args: Arguments) => unknown,
): (...args: Arguments) => Result {
  return (...args) => {
    change(what, pathOf(args), nothing);
    return work(...args);
  };
}

function tortureHandle(handle: FileHandle, path: unknown): FileHandle {
  const write = handle.write.bind(handle) as (chunk: Uint8Array, from: number) => Promise<unknown>;
  const sync = handle.sync.bind(handle);
  return Object.assign(handle, {
    write(chunk: Uint8Array, from = 0) {
      change('write', path, (share) => writeSync(handle.fd, chunk, from, Math.floor(share * (chunk.length - from))));
      return write(chunk, from);
    },
    sync: whole('sync', sync, () => path),
  });
}

if (isMainThread) {
  const { appendFile, open, rename, rm, mkdir } = files;
  Object.assign(files, {
    appendFile(path: string, bytes: Uint8Array) {
      change('append', path, (share) => appendFileSync(path, bytes.subarray(0, Math.floor(share * bytes.length))));
      return appendFile(path, bytes);
    },
    async open(path: string, flags: string) {
      const handle = await open(path, flags);
      return flags === 'r' ? handle : tortureHandle(handle, path);
    },
    rename: whole('rename', rename, ([, to]) => to),
    rm: whole('remove', rm, ([path]) => path),
    mkdir: whole('make', mkdir, ([path]) => path),
  });
  syncBuiltinESMExports();
}
