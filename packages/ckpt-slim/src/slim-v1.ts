import type { CheckpointFormat } from '@graftjs/core';
import { guardCheckpoint } from '@graftjs/core';
import { existingCheckpoint, isCheckpoint } from './checkpoint-location.js';
import { writeState } from './checkpoint-state.js';
import { openV1 } from './v1-reader.js';
import { writeV1 } from './v1-writer.js';

/** TensorFlow's first checkpoint format, that of the published TF-Slim weights: one table, or several as shards. */
export const slimV1: CheckpointFormat = {
  name: 'slim-v1',
  description: 'TensorFlow checkpoint V1 (TF-Slim .ckpt): one file, or shards prefix-00000-of-00003',
  recognises: (path, files) => guardCheckpoint(path, () => isCheckpoint(1, path, files)),
  open: (path, files) =>
    guardCheckpoint(path, async () => {
      const location = await existingCheckpoint(1, path, files);
      return openV1(location.prefix, location.files, files);
    }),
  write: writeV1,
  writeState,
  filesOf: (path, files) => guardCheckpoint(path, async () => [...(await existingCheckpoint(1, path, files)).files]),
};
