import ckptSlim from '@graftjs/ckpt-slim';
import { createContainer } from '@graftjs/core';
import { nodeFileSystem as files } from '@graftjs/core/node';
import { onnxEngine } from '@graftjs/engine-onnx';
import { openCheckpoint, restoreVariables } from '@graftjs/trainer';
import { buildNetwork } from './network.js';
import { reportEnd, settings, timeSteps } from './report.js';

const { size, checkpoint, network } = settings;
const container = createContainer([ckptSlim]);
const session = await onnxEngine.open(buildNetwork(network, { size }));
await timeSteps(0, async () => {
  const reader = await openCheckpoint(checkpoint!, container, files);
  await restoreVariables(session, reader, session.variables.keys());
  await reader.close();
});
reportEnd();
await session.close();
