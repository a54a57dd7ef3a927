import type { FileSystem } from '@graftjs/core';
import { nodeFileSystem } from '@graftjs/core/node';

/** One file in memory, for reading thousands of damaged ones, and what it was asked to read. */
export function fileInMemory(bytes: Uint8Array): FileSystem {
  return {
    ...nodeFileSystem,
    stat: async () => ({ kind: 'file', size: bytes.length }),
    open: async (path) => ({
      path,
      size: bytes.length,
      async read(position, into) {
        if (position + into.length > bytes.length) throw new RangeError(`${path} ends at byte ${bytes.length}`);
        into.set(bytes.subarray(position, position + into.length));
      },
      close: async () => {},
    }),
  };
}
