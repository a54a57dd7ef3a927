import type { FileSystem } from '@graftjs/core';
import { nodeFileSystem } from '@graftjs/core/node';

/** Files in memory by path, for reading thousands of damaged ones, and the bytes that were asked for. */
export function memoryFiles(
  contents: Readonly<Record<string, Uint8Array>>,
): FileSystem & { readonly read: () => number } {
  let asked = 0;
  return {
    ...nodeFileSystem,
    read: () => asked,
    stat: async (path) => (contents[path] ? { kind: 'file', size: contents[path].length } : undefined),
    realPath: async (path) => path,
    async open(path) {
      const bytes = contents[path];
      if (!bytes) throw new Error(`there is no ${path}`);
      return {
        path,
        size: bytes.length,
        async read(position, into) {
          if (position + into.length > bytes.length) throw new RangeError(`${path} ends at byte ${bytes.length}`);
          asked += into.length;
          into.set(bytes.subarray(position, position + into.length));
        },
        close: async () => {},
      };
    },
  };
}
