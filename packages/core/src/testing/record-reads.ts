import type { FileSystem } from '../files.js';

/** Something that was read. */
export interface Read {
  readonly path: string;
  readonly position: number;
  /** The memory that it was put in: as many bytes. */
  readonly into: Uint8Array;
}

/** The same files, and a record of what is read of them: what a format asks for is as little as it needs. */
export function recordReads(files: FileSystem): { readonly files: FileSystem; readonly reads: Read[] } {
  const reads: Read[] = [];
  const open: FileSystem['open'] = async (path) => {
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
