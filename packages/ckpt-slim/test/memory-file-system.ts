import type { FileSystem, ReadableFile } from '@graftjs/core';

/** Files in memory, by path: for tests that open thousands of damaged ones. Folders are what the paths say, `.` for none. */
export function memoryFileSystem(contents: ReadonlyMap<string, Uint8Array>): FileSystem {
  const files = new Map(contents);
  const inside = (folder: string) => {
    const start = folder === '.' ? '' : `${folder.replace(/\/+$/, '')}/`;
    const paths = [...files.keys()].filter((path) => path.startsWith(start)).map((path) => path.slice(start.length));
    return paths.filter((path) => !path.includes('/'));
  };
  return {
    async stat(path) {
      const bytes = files.get(path);
      if (bytes !== undefined) return { kind: 'file', size: bytes.length };
      return inside(path).length > 0 ? { kind: 'folder', size: 0 } : undefined;
    },
    realPath: async (path) => path,
    async list(folder) {
      return inside(folder).sort();
    },
    async open(path) {
      const bytes = files.get(path);
      if (bytes === undefined) throw new Error(`there is no ${path}`);
      return {
        path,
        size: bytes.length,
        async read(position, into) {
          if (position + into.length > bytes.length) throw new RangeError(`${path} ends at byte ${bytes.length}`);
          into.set(bytes.subarray(position, position + into.length));
        },
        close: async () => {},
      };
    },
    async write(path, chunks) {
      const kept: Uint8Array[] = [];
      for await (const chunk of chunks) kept.push(new Uint8Array(chunk));
      files.set(path, new Uint8Array(Buffer.concat(kept)));
    },
    append: () => Promise.reject(new Error('no test appends')),
    sync: () => Promise.reject(new Error('no test appends')),
    makeFolder: async () => {},
    move: () => Promise.reject(new Error('no test moves')),
    async remove(path) {
      files.delete(path);
    },
    lock: () => Promise.reject(new Error('no test locks')),
  };
}

export interface Read {
  readonly path: string;
  readonly position: number;
  readonly into: Uint8Array;
}

/** The same files, and a record of what is read where and into which memory. */
export function recordReads(files: FileSystem): { files: FileSystem; reads: Read[] } {
  const reads: Read[] = [];
  const open = async (path: string): Promise<ReadableFile> => {
    const file = await files.open(path);
    return {
      ...file,
      read(position, into) {
        reads.push({ path, position, into });
        return file.read(position, into);
      },
    };
  };
  return { files: { ...files, open }, reads };
}
