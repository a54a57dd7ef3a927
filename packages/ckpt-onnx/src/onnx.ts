import { type CheckpointFormat, type FileSystem, guardCheckpoint } from '@graftjs/core';
import { beginsAsOnnx } from './onnx-file.js';
import { openOnnx } from './onnx-reader.js';

/** By its name, so that a damaged file is told to be that; else by what it begins with. */
async function isOnnx(path: string, files: FileSystem): Promise<boolean> {
  if ((await files.stat(path))?.kind !== 'file') return false;
  if (path.endsWith('.onnx')) return true;
  const file = await files.open(path);
  try {
    return await beginsAsOnnx(file);
  } finally {
    await file.close();
  }
}

/**
 * Files of the format of https://onnx.ai/onnx/repo-docs/IR.html, of which the weights are read: initializers and constants, in
 * the file itself and in others beside it.
 */
export const onnx: CheckpointFormat = {
  name: 'onnx',
  description: 'ONNX: the weights of a model.onnx, with its files of external data',
  recognises: (path, files) => guardCheckpoint(path, () => isOnnx(path, files)),
  open: (path, files) => guardCheckpoint(path, () => openOnnx(path, files)),
  filesOf: (path, files) =>
    guardCheckpoint(path, async () => {
      const reader = await openOnnx(path, files);
      await reader.close();
      return [path, ...reader.externalPaths];
    }),
};
