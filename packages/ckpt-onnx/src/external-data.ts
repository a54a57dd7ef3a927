import {
  damagedCheckpoint,
  dtypeBytes,
  ExternalFiles,
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

/** A whole number from 0 up, as an entry has it. */
const wholeNumber = (text: string): number => (/^\d{1,16}$/.test(text) ? Number(text) : Number.NaN);

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
 * Where the tensors of external data are.
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
