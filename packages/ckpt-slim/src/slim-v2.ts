import type { CheckpointFormat } from '@graftjs/core';
import { guardCheckpoint } from '@graftjs/core';
import { existingCheckpoint, isCheckpoint } from './checkpoint-location.js';
import { writeState } from './checkpoint-state.js';
import { openV2 } from './v2-reader.js';
import { writeV2 } from './v2-writer.js';

/** TensorFlow's present checkpoint format, the tensor bundle: an index and data files. */
export const slimV2: CheckpointFormat = {
  name: 'slim-v2',
  description: 'TensorFlow checkpoint V2: prefix.index and prefix.data-00000-of-00001',
  recognises: (path, files) => guardCheckpoint(path, () => isCheckpoint(2, path, files)),
  open: (path, files) =>
    guardCheckpoint(path, async () => openV2((await existingCheckpoint(2, path, files)).prefix, files)),
  write: writeV2,
  writeState,
  filesOf: (path, files) => guardCheckpoint(path, async () => [...(await existingCheckpoint(2, path, files)).files]),
};
