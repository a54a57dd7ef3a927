import { momentum, selectTrainable } from '@graftjs/trainer';
import { engine, where } from './engine.js';
import { buildNetwork, initialize } from './network.js';
import { randomImages, randomMasks } from './random-images.js';
import { reportEnd, settings, timeSteps } from './report.js';

const { batch, size, task, network } = settings;
const graph = buildNetwork(network, { size });
const trainable = selectTrainable(graph, task === 'head' ? 'head' : 'all');
const session = await engine.openTraining(graph, { trainable, optimizer: momentum() }, where);
initialize(session);
const { shape } = graph.nodes.find(({ name }) => name === graph.output)!;
const images = shape.length === 3 ? randomMasks(batch, size, shape[2]!) : randomImages(batch, size);
await timeSteps(batch, async (seed) => {
  await session.accumulate({ ...images, seed });
  await session.update(1e-5);
});
reportEnd();
await session.close();
