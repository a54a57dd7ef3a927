import { engine, where } from './engine.js';
import { buildNetwork, initialize } from './network.js';
import { randomImages } from './random-images.js';
import { reportEnd, settings, timeSteps } from './report.js';

const { batch, size, network } = settings;
const session = await engine.open(buildNetwork(network, { size }), where);
initialize(session);
const { inputs } = randomImages(batch, size);
await timeSteps(batch, () => session.predict(inputs, batch));
reportEnd();
await session.close();
