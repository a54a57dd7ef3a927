import { folder } from '@graftjs/data-folder';
import { onnxEngine } from '@graftjs/engine-onnx';
import { createPreprocessing, momentum, selectTrainable, trainingBatches } from '@graftjs/trainer';
import { reportEnd, reportMeasure, settings } from './report.js';
import { buildVgg16, initialize } from './vgg-16.js';

const { batch, steps, warmup, size, threads, pictures } = settings;
const { splits } = await folder.open({ folder: pictures! });
const batches = (count: number) =>
  trainingBatches(splits.train!, {
    size,
    preprocessing: createPreprocessing(['none']),
    batchSize: batch,
    seed: 1,
    to: warmup + count,
  });

const alone = batches(steps);
for (let index = 0; index < warmup; index++) await alone.next();
const begun = performance.now();
for await (const _ of alone);
reportMeasure((performance.now() - begun) / 1000, batch * steps, `${settings.system}, batches alone`);

const graph = buildVgg16({ size, width: 0.25 });
const training = { trainable: selectTrainable(graph, 'all'), optimizer: momentum() };
const session = await onnxEngine.openTraining(graph, training, { threads });
initialize(session);
const fed = batches(4);
for (let index = 0; index < warmup + 4; index++) {
  const asked = performance.now();
  const { value, done } = await fed.next();
  const came = performance.now();
  if (done) break;
  await session.accumulate(value);
  await session.update(1e-5);
  if (index < warmup) continue;
  reportMeasure((came - asked) / 1000, 0, `${settings.system}, wait for a batch`);
  reportMeasure((performance.now() - came) / 1000, 0, `${settings.system}, the step after it`);
}
reportEnd();
await session.close();
