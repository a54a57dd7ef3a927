import { CHECKPOINT_FORMAT, definePlugin } from '@graftjs/core';
import { slimV1 } from './slim-v1.js';
import { slimV2 } from './slim-v2.js';

export { latestCheckpoint } from './checkpoint-location.js';
export { type CheckpointState, readCheckpointState, writeCheckpointState } from './checkpoint-state.js';
export { slimV1, slimV2 };

export default definePlugin({
  name: '@graftjs/ckpt-slim',
  register(container) {
    for (const format of [slimV1, slimV2]) container.register(CHECKPOINT_FORMAT, { useValue: format });
  },
});
