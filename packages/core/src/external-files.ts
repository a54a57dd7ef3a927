import { CheckpointError } from './errors.js';
import type { FileSystem } from './files.js';

/** The folder of a file, as a beginning of the paths of others in it. */
export const folderOf = (path: string): string =>
  path.includes('/') ? path.slice(0, path.lastIndexOf('/') + 1) : './';

/** A path below the file's own folder, whatever the system. */
const isBelow = (location: string): boolean =>
  location !== '' &&
  !/^[/\\]|^[A-Za-z]:|\0/.test(location) &&
  location.split(/[/\\]/).every((part) => part !== '..' && part !== '');

/**
 * Finds the other files that a checkpoint's file names, and looks at each of them once. Since such a file may come from anywhere,
 * only what is in its folder and below is taken, and no links out of it.
 */
export class ExternalFiles {
  readonly #path: string;
  readonly #files: FileSystem;
  readonly #sizes = new Map<string, number>();
  #folders: readonly string[] | undefined;

  /** @param path of the file that names others */
  constructor(path: string, files: FileSystem) {
    this.#path = path;
    this.#files = files;
  }

  #fail(location: string, problem: string): CheckpointError {
    return new CheckpointError(
      'checkpoint/external-data',
      `${this.#path} has weights in ${JSON.stringify(location)}, ${problem}. Put all of its files into one folder.`,
      { details: { path: this.#path, location } },
    );
  }

  /**
   * Where a file is, and how large.
   * @param location as the checkpoint has it, counted from its folder
   * @throws CheckpointError `checkpoint/external-data`
   */
  async find(location: string): Promise<{ path: string; size: number }> {
    const path = folderOf(this.#path) + location;
    const known = this.#sizes.get(location);
    if (known !== undefined) return { path, size: known };
    if (!isBelow(location)) throw this.#fail(location, 'which is not below its folder');
    const found = await this.#files.stat(path);
    if (found?.kind !== 'file') throw this.#fail(location, 'which is missing');
    this.#folders ??= await this.#realFolders();
    const real = await this.#files.realPath(path);
    if (!this.#folders.some((folder) => real.startsWith(folder))) {
      throw this.#fail(location, `which is a link to ${real}, out of its folder`);
    }
    this.#sizes.set(location, found.size);
    return { path, size: found.size };
  }

  /** The folder that the file is in, and the one that it really is in where it is a link: caches of downloads have such. */
  async #realFolders(): Promise<string[]> {
    const [folder, file] = [folderOf(this.#path), this.#path].map((path) => this.#files.realPath(path));
    const inside = (path: string) => (path.endsWith('/') ? path : `${path}/`);
    return [inside(await folder!), folderOf(await file!)];
  }
}
