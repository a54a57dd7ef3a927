import {
  CheckpointError,
  damagedCheckpoint,
  dtypeBytes,
  type FileSystem,
  formatShape,
  safeElementCount,
} from '@graftjs/core';
import type { StoredTensor } from './stored-tensor.js';

/** The bytes of a tensor in another file. */
export interface ExternalPiece {
  readonly path: string;
  readonly start: number;
  readonly end: number;
}

const folderOf = (path: string): string => (path.includes('/') ? path.slice(0, path.lastIndexOf('/') + 1) : './');

/** A path below the file's own folder, whatever the system. */
const isBelow = (location: string): boolean =>
  location !== '' &&
  !/^[/\\]|^[A-Za-z]:|\0/.test(location) &&
  location.split(/[/\\]/).every((part) => part !== '..' && part !== '');

/** A whole number from 0 up, as an entry has it. */
const wholeNumber = (text: string): number => (/^\d{1,16}$/.test(text) ? Number(text) : Number.NaN);

/** Finds the other files that a file's tensors are in, and looks at each of them once. */
class ExternalFiles {
  readonly #path: string;
  readonly #files: FileSystem;
  readonly #sizes = new Map<string, number>();
  #folders: readonly string[] | undefined;

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

/** @throws CheckpointError `checkpoint/damaged` where pieces of one file have bytes in common and are not the same */
function checkOverlaps(path: string, pieces: ReadonlyMap<string, ExternalPiece>): void {
  const sorted = [...pieces].sort(
    ([, a], [, b]) => (a.path < b.path ? -1 : a.path > b.path ? 1 : a.start - b.start) || a.end - b.end,
  );
  for (const [index, [name, piece]] of sorted.entries()) {
    const [previousName, previous] = sorted[index - 1] ?? [];
    if (!previous || previous.path !== piece.path || piece.start >= previous.end) continue;
    if (piece.start === previous.start && piece.end === previous.end) continue;
    throw damagedCheckpoint(path, undefined, `'${name}' shares bytes of ${piece.path} with '${previousName}'`);
  }
}

/**
 * Where the tensors of external data are. Only files in the folder of the ONNX file and below are taken, and no links out of it.
 * @param path of the ONNX file
 * @returns by the tensor's name
 * @throws CheckpointError `checkpoint/external-data`, `checkpoint/damaged`
 */
export async function locateExternalData(
  path: string,
  tensors: Iterable<StoredTensor>,
  files: FileSystem,
): Promise<Map<string, ExternalPiece>> {
  const externalFiles = new ExternalFiles(path, files);
  const pieces = new Map<string, ExternalPiece>();
  for (const { name, type, shape, values } of tensors) {
    if (values.kind !== 'external') continue;
    const damaged = (problem: string) => damagedCheckpoint(path, undefined, `'${name}', which is ${problem}`);
    const location = values.entries.get('location') ?? '';
    const file = await externalFiles.find(location);
    const { dtype } = type;
    if (dtype === undefined) continue;
    if (dtype === 'string') throw damaged('of texts, cannot be in another file');
    const bytes = (safeElementCount(shape) ?? Number.NaN) * dtypeBytes[dtype];
    const start = wholeNumber(values.entries.get('offset') ?? '0');
    const length = wholeNumber(values.entries.get('length') ?? String(bytes));
    if (length !== bytes || !(start + bytes <= file.size)) {
      const where = ['offset', 'length'].map((key) => `${key} ${values.entries.get(key) ?? 'not given'}`).join(', ');
      throw damaged(`${type.name} ${formatShape(shape)}, cannot be in ${location}, of ${file.size} bytes: ${where}`);
    }
    if (bytes > 0) pieces.set(name, { path: file.path, start, end: start + bytes });
  }
  checkOverlaps(path, pieces);
  return pieces;
}
