import { randomBytes } from 'node:crypto';
import { appendFile, type FileHandle, mkdir, open, readdir, realpath, rename, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, sep } from 'node:path';
import type { FileSystem, ReadableFile } from '../files.js';
import { lockFile } from './lock-file.js';

function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

async function openFile(path: string): Promise<ReadableFile> {
  const handle = await open(path, 'r');
  const { size } = await handle.stat();
  return {
    path,
    size,
    async read(position, into) {
      let done = 0;
      while (done < into.length) {
        const { bytesRead } = await handle.read(into, done, into.length - done, position + done);
        if (bytesRead === 0) throw new RangeError(`${path} ends at byte ${position + done}`);
        done += bytesRead;
      }
    },
    close: () => handle.close(),
  };
}

async function writeChunks(
  handle: FileHandle,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  for await (const chunk of chunks) {
    let done = 0;
    while (done < chunk.length) done += (await handle.write(chunk, done)).bytesWritten;
  }
  await handle.sync();
}

async function syncFile(path: string): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes a new name last: the entry of the folder is on disk only once the folder itself is. */
async function syncFolder(path: string): Promise<void> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'r');
  } catch {
    return; // Windows has no handle on a folder.
  }
  try {
    await handle.sync();
  } catch {
    // Some network file systems refuse; the file itself is synced.
  } finally {
    await handle.close();
  }
}

// Not `mkdir` with `recursive`: under /proc that one never returns.
async function makeFolder(path: string): Promise<void> {
  const parent = dirname(path);
  try {
    await mkdir(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && parent !== path) {
      await makeFolder(parent);
      await mkdir(path);
    } else if (code !== 'EEXIST' || !(await stat(path)).isDirectory()) throw error;
  }
}

async function remove(path: string): Promise<void> {
  try {
    await rm(path, { force: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_FS_EISDIR') throw error;
    await rmdir(path);
  }
}

/** The files of this machine. */
export const nodeFileSystem: FileSystem = {
  async stat(path) {
    try {
      const found = await stat(path);
      return { kind: found.isDirectory() ? 'folder' : 'file', size: found.size };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  },
  realPath: async (path) => (await realpath(path)).replaceAll(sep, '/'),
  async list(folder) {
    return (await readdir(folder)).sort();
  },
  open: openFile,
  async write(path, chunks) {
    const draft = `${path}.${randomBytes(6).toString('hex')}.tmp`;
    try {
      const handle = await open(draft, 'wx');
      try {
        await writeChunks(handle, chunks);
      } finally {
        await handle.close();
      }
      await rename(draft, path);
    } catch (error) {
      // A disk that refuses the one may refuse the other; the first refusal is what is told.
      await rm(draft, { force: true }).catch(() => {});
      throw error;
    }
    await syncFolder(dirname(path));
  },
  append: (path, bytes) => appendFile(path, bytes),
  async sync(path) {
    await syncFile(path);
    await syncFolder(dirname(path));
  },
  makeFolder,
  async move(from, to) {
    await syncFile(from);
    await rename(from, to);
    await syncFolder(dirname(to));
  },
  remove,
  lock: lockFile,
};
