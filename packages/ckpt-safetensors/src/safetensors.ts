import { CheckpointError, type CheckpointFormat, type FileSystem, guardCheckpoint } from '@graftjs/core';
import { lengthBytes } from './header.js';
import { openSafetensors, readHeaderLength } from './safetensors-reader.js';
import { writeSafetensors } from './safetensors-writer.js';
import { filesOfIndex, indexEnding, openIndex } from './shard-index.js';

/** By its name, so that a damaged file is told to be that; else by a header that fits and begins as an object does. */
async function isSafetensors(path: string, files: FileSystem): Promise<boolean> {
  if ((await files.stat(path))?.kind !== 'file') return false;
  if (path.endsWith('.safetensors') || path.endsWith(indexEnding)) return true;
  const file = await files.open(path);
  try {
    if ((await readHeaderLength(file)) < 2) return false;
    const first = new Uint8Array(1);
    await file.read(lengthBytes, first);
    return first[0] === '{'.charCodeAt(0);
  } catch (error) {
    if (error instanceof CheckpointError) return false;
    throw error;
  } finally {
    await file.close();
  }
}

/**
 * The format of https://github.com/huggingface/safetensors: one file, or several with an index beside them
 * (`*.safetensors.index.json`), which is read and not written.
 */
export const safetensors: CheckpointFormat = {
  name: 'safetensors',
  description: 'safetensors: one file, or several by their model.safetensors.index.json',
  keepsMetadata: true,
  recognises: (path, files) => guardCheckpoint(path, () => isSafetensors(path, files)),
  open: (path, files) =>
    guardCheckpoint(path, () => (path.endsWith(indexEnding) ? openIndex(path, files) : openSafetensors(path, files))),
  write(path, tensors, files, options) {
    if (!path.endsWith(indexEnding)) return writeSafetensors(path, tensors, files, options);
    const one = `${path.slice(0, -indexEnding.length)}.safetensors`;
    return Promise.reject(
      new CheckpointError('checkpoint/bad-path', `Graft writes one file and no index: write to ${one} instead.`, {
        details: { path },
      }),
    );
  },
  filesOf: (path, files) =>
    guardCheckpoint(path, async () => (path.endsWith(indexEnding) ? filesOfIndex(path, files) : [path])),
};
