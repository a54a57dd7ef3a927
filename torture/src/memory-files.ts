import type { FileSystem } from '@graftjs/core';

/** A file that is not there: what a checkpoint without it may be refused for. */
export class MissingFile extends Error {}

const refuse = () => Promise.reject(new Error('Nothing is written here'));

/** Files in memory, by path, to be read: damaged ones are opened by the thousand. */
export function memoryFiles(contents: ReadonlyMap<string, Uint8Array>): FileSystem {
  const inside = (folder: string) =>
    [...contents.keys()].filter((path) => path.startsWith(`${folder}/`)).map((path) => path.slice(folder.length + 1));
  return {
    async stat(path) {
      const bytes = contents.get(path);
      if (bytes) return { kind: 'file', size: bytes.length };
      return inside(path).length > 0 ? { kind: 'folder', size: 0 } : undefined;
    },
    realPath: async (path) => path,
    list: async (folder) => inside(folder).sort(),
    async open(path) {
      const bytes = contents.get(path);
      if (!bytes) throw new MissingFile(`There is no ${path}`);
      return {
        path,
        size: bytes.length,
        async read(position, into) {
          const found = bytes.subarray(position, position + into.length);
          if (found.length < into.length) throw new RangeError(`${path} ends at byte ${bytes.length}`);
          into.set(found);
        },
        close: async () => {},
      };
    },
    write: refuse,
    append: refuse,
    sync: refuse,
    makeFolder: refuse,
    move: refuse,
    remove: refuse,
    lock: refuse,
  };
}
