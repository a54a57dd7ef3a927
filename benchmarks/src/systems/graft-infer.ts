import { onnxEngine } from '@graftjs/engine-onnx';
import { buildNetwork, initialize } from './network.js';
import { randomPictures } from './random-pictures.js';
import { reportEnd, settings, timeSteps } from './report.js';

const { batch, size, threads, network } = settings;
const session = await onnxEngine.open(buildNetwork(network, { size }), { threads });
initialize(session);
const { inputs } = randomPictures(batch, size);
await timeSteps(batch, () => session.predict(inputs, batch));
reportEnd();
await session.close();
