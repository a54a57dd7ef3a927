import { type CheckpointFormat, type FileSystem, guardCheckpoint } from '@graftjs/core';
import { filesOfModel, openTfjs } from './tfjs-reader.js';
import { keptAs, writeTfjs } from './tfjs-writer.js';

/** The fields of a `model.json`, one of which comes first: tfjs's own writer, and tensorflowjs_converter's, begin with others. */
const beginning =
  /^\s*\{\s*("(modelTopology|weightsManifest|generatedBy|convertedBy|trainingConfig)"|"format"\s*:\s*"(layers|graph)-model")/;
const beginningBytes = 256;

/** By its name, so that a damaged file is told to be that; else by its first field. */
async function isTfjs(path: string, files: FileSystem): Promise<boolean> {
  if ((await files.stat(path))?.kind !== 'file') return false;
  if (/(^|[/\\])model\.json$/.test(path)) return true;
  const file = await files.open(path);
  try {
    const bytes = new Uint8Array(Math.min(beginningBytes, file.size));
    await file.read(0, bytes);
    return beginning.test(new TextDecoder().decode(bytes));
  } finally {
    await file.close();
  }
}

/**
 * The weights of a TensorFlow.js model, a layers-model or a graph-model: its `model.json` and the files that this names. What is
 * stored in fewer bits is read as the float32 or int32 that tfjs makes of it. Topologies are neither read nor written.
 */
export const tfjs: CheckpointFormat = {
  name: 'tfjs',
  description: "weights of TensorFlow.js: a model's model.json and the shards that it names",
  keepsMetadata: true,
  keptAs,
  recognises: (path, files) => guardCheckpoint(path, () => isTfjs(path, files)),
  open: (path, files) => guardCheckpoint(path, () => openTfjs(path, files)),
  write: writeTfjs,
  filesOf: (path, files) => guardCheckpoint(path, () => filesOfModel(path, files)),
};
