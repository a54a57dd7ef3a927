import type { FileLock, FileSystem } from './files.js';

/** Makes a path one that is compared as text: `./a//b/` is `/a/b`. */
const plain = (path: string): string =>
  `/${path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/')}`;

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf('/')) || '/';

/** Content that grows at its end without being copied each time. */
class Content {
  #bytes: Uint8Array;
  #size: number;

  constructor(bytes: Uint8Array = new Uint8Array(0)) {
    this.#bytes = bytes;
    this.#size = bytes.length;
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#size);
  }

  add(more: Uint8Array): void {
    const size = this.#size + more.length;
    if (size > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(size, 2 * this.#bytes.length));
      larger.set(this.bytes);
      this.#bytes = larger;
    }
    this.#bytes.set(more, this.#size);
    this.#size = size;
  }
}

/**
 * Files in memory, where there is no disk: in a browser. They behave as those of `@graftjs/core/node`, without links, and are
 * gone with the object. Relative paths count from `/`, which is there from the start.
 * @param contents files that are there from the start, too, with their folders: their bytes by path, which are kept without a
 * copy and never changed
 */
export function createMemoryFiles(contents: Iterable<readonly [path: string, bytes: Uint8Array]> = []): FileSystem {
  const files = new Map<string, Content>();
  const folders = new Set(['/']);
  const locks = new Set<string>();

  const missing = (path: string) => Object.assign(new Error(`There is no ${path}.`), { code: 'ENOENT' });
  const inFolder = (path: string): string => {
    const folder = parentOf(path);
    if (!folders.has(folder)) throw missing(folder);
    if (folders.has(path)) throw new Error(`${path} is a folder.`);
    return path;
  };
  const makeFolder = (path: string): void => {
    for (let folder = plain(path); !folders.has(folder); folder = parentOf(folder)) {
      if (files.has(folder)) throw new Error(`${folder} is a file.`);
      folders.add(folder);
    }
  };
  const namesIn = (folder: string): string[] =>
    [...files.keys(), ...folders]
      .filter((path) => path !== folder && parentOf(path) === folder)
      .map((path) => path.slice(path.lastIndexOf('/') + 1))
      .sort();
  const contentOf = (path: string): Content => {
    const content = files.get(plain(path));
    if (!content) throw missing(path);
    return content;
  };

  for (const [path, bytes] of contents) {
    makeFolder(parentOf(plain(path)));
    files.set(inFolder(plain(path)), new Content(bytes));
  }

  return {
    async stat(path) {
      const content = files.get(plain(path));
      if (content) return { kind: 'file', size: content.bytes.length };
      return folders.has(plain(path)) ? { kind: 'folder', size: 0 } : undefined;
    },
    async realPath(path) {
      const found = plain(path);
      if (!files.has(found) && !folders.has(found)) throw missing(path);
      return found;
    },
    async list(folder) {
      if (!folders.has(plain(folder))) throw missing(folder);
      return namesIn(plain(folder));
    },
    async open(path) {
      const { bytes } = contentOf(path);
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
      const content = new Content();
      for await (const chunk of chunks) content.add(chunk);
      files.set(inFolder(plain(path)), content);
    },
    async sync(path) {
      contentOf(path);
    },
    async append(path, bytes) {
      const found = plain(path);
      const content = files.get(found) ?? new Content();
      content.add(bytes);
      files.set(inFolder(found), content);
    },
    async makeFolder(path) {
      makeFolder(path);
    },
    async move(from, to) {
      const content = contentOf(from);
      files.set(inFolder(plain(to)), content);
      if (plain(from) !== plain(to)) files.delete(plain(from));
    },
    async remove(path) {
      const found = plain(path);
      if (folders.has(found) && namesIn(found).length > 0) throw new Error(`The folder ${path} is not empty.`);
      files.delete(found);
      folders.delete(found);
    },
    async lock(path) {
      const found = inFolder(plain(path));
      if (locks.has(found)) return { heldBy: 'this page' };
      locks.add(found);
      const lock: FileLock = { release: async () => void locks.delete(found) };
      return lock;
    },
  };
}
