import { monitorEventLoopDelay } from 'node:perf_hooks';
import { folder } from '@graftjs/data-folder';
import { onnxEngine } from '@graftjs/engine-onnx';
import { createPreprocessing, momentum, selectTrainable, trainingBatches } from '@graftjs/trainer';
import { startImageWorkers } from '@graftjs/trainer/node';
import { buildNetwork, initialize } from './network.js';
import { reportEnd, reportMeasure, settings } from './report.js';

const { system, batch, steps, warmup, size, threads, images } = settings;
const { splits } = await folder.open({ folder: images! });
const workers = startImageWorkers(threads);
const batches = (count: number, augmentation: string) =>
  trainingBatches(splits.train!, {
    size,
    preprocessing: createPreprocessing([augmentation]),
    batchSize: batch,
    seed: 1,
    workers,
    to: warmup + count,
  });

/** Milliseconds between two looks at whether the main thread is free. */
const resolution = 5;

for (const augmentation of ['none', 'vgg', 'inception']) {
  const name = augmentation === 'none' ? system : `${system} (${augmentation})`;
  const alone = batches(steps, augmentation);
  for (let index = 0; index < warmup; index++) await alone.next();
  const delay = monitorEventLoopDelay({ resolution });
  delay.enable();
  const before = performance.eventLoopUtilization();
  const begun = performance.now();
  for await (const _ of alone);
  reportMeasure((performance.now() - begun) / 1000, batch * steps, `${name}, batches alone`);
  delay.disable();
  const { active } = performance.eventLoopUtilization(before);
  reportMeasure(active / 1000 / (batch * steps), 0, `${name}, the main thread's work for an image`);
  reportMeasure((delay.max / 1e6 - resolution) / 1000, 0, `${name}, the main thread's longest delay`);
}

const graph = buildNetwork('vgg_16', { size, width: 0.25 });
const training = { trainable: selectTrainable(graph, 'all'), optimizer: momentum() };
const session = await onnxEngine.openTraining(graph, training, { threads });
initialize(session);
const fed = batches(4, 'inception');
for (let index = 0; index < warmup + 4; index++) {
  const asked = performance.now();
  const { value, done } = await fed.next();
  const came = performance.now();
  if (done) break;
  await session.accumulate(value);
  await session.update(1e-5);
  if (index < warmup) continue;
  reportMeasure((came - asked) / 1000, 0, `${system} (inception), wait for a batch`);
  reportMeasure((performance.now() - came) / 1000, 0, `${system} (inception), the step after it`);
}
reportEnd();
await session.close();
await workers.close();
