/** A file open for reading at any position. */
export interface ReadableFile {
  /** The path that it was opened by, for messages. */
  readonly path: string;
  /** Size in bytes when it was opened. */
  readonly size: number;
  /** Fills `into` with the bytes from `position` on; rejects where the file ends before `into` is full. */
  read(position: number, into: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** A lock that is held. */
export interface FileLock {
  release(): Promise<void>;
}

/** Why a lock is not to be had. */
export interface LockHolder {
  /** Who holds it, for messages: `process 4711 on atlas`. */
  readonly heldBy: string;
}

/**
 * The files that a checkpoint format or a run folder needs, so that neither imports Node's: `@graftjs/core/node` has the
 * one on disk. Paths use `/`.
 */
export interface FileSystem {
  /** What is at `path`; undefined where there is nothing. */
  stat(path: string): Promise<{ readonly kind: 'file' | 'folder'; readonly size: number } | undefined>;
  /** The path of the same file or folder without links on the way; rejects where there is nothing. */
  realPath(path: string): Promise<string>;
  /** Names (not paths) in a folder, sorted; rejects where the folder does not exist. */
  list(folder: string): Promise<string[]>;
  open(path: string): Promise<ReadableFile>;
  /**
   * Writes a whole file atomically: until the last chunk is safe on disk, a file already at `path` stays as it was.
   * A chunk may be reused by its producer once the next is asked for.
   */
  write(path: string, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void>;
  /** Adds to the end of a file, which is made where it is missing; a power cut may undo it until `sync`. */
  append(path: string, bytes: Uint8Array): Promise<void>;
  /** Returns once all that was appended to a file is safe on disk; rejects where there is none. */
  sync(path: string): Promise<void>;
  /** Makes a folder and those above it; no error where it exists. */
  makeFolder(path: string): Promise<void>;
  /** Puts a file on the same disk into another place at once, in place of what was there; its bytes are safe on disk by then. */
  move(from: string, to: string): Promise<void>;
  /** Removes a file, or a folder that is empty; no error where it is missing. */
  remove(path: string): Promise<void>;
  /**
   * Takes a lock by the name of `path`, in a folder that exists, without waiting. Nobody else has it until it is released or
   * the process ends, in whatever way: none is ever left over. It may leave a file at `path`, which is nobody's content.
   */
  lock(path: string): Promise<FileLock | LockHolder>;
}
