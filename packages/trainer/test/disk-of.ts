import type { FileSystem } from '@graftjs/core';
import { nodeFileSystem } from '@graftjs/core/node';

/** A disk that has room for so many bytes more. */
export function diskOf(room: number): FileSystem & { readonly used: number } {
  let used = 0;
  /** What of some bytes still fits, and the error for the rest. */
  const fill = (bytes: Uint8Array): { fitting: Uint8Array; full?: Error } => {
    const fitting = bytes.subarray(0, Math.max(0, room - used));
    used += fitting.length;
    if (fitting.length === bytes.length) return { fitting };
    return { fitting, full: Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' }) };
  };
  return {
    ...nodeFileSystem,
    get used() {
      return used;
    },
    write(path, chunks) {
      const limited = async function* () {
        for await (const chunk of chunks) {
          const { fitting, full } = fill(chunk);
          yield fitting;
          if (full) throw full;
        }
      };
      return nodeFileSystem.write(path, limited());
    },
    async append(path, bytes) {
      const { fitting, full } = fill(bytes);
      await nodeFileSystem.append(path, fitting);
      if (full) throw full;
    },
  };
}
