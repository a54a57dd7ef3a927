import type { FileSystem } from '@graftjs/core';
import { nodeFileSystem } from '@graftjs/core/node';

/** Files in memory by their paths, for reading thousands of damaged ones. */
export function memoryFiles(contents: ReadonlyMap<string, Uint8Array>): FileSystem {
  return {
    ...nodeFileSystem,
    stat: async (path) => {
      const bytes = contents.get(path);
      return bytes && { kind: 'file', size: bytes.length };
    },
    realPath: async (path) => path,
    open: async (path) => {
      const bytes = contents.get(path);
      if (!bytes) throw new Error(`There is no ${path}`);
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
  };
}
