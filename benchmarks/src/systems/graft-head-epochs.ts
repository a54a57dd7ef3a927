import { join } from 'node:path';
import ckptSlim from '@graftjs/ckpt-slim';
import { createContainer } from '@graftjs/core';
import { nodeFileSystem as files } from '@graftjs/core/node';
import dataFolder from '@graftjs/data-folder';
import engineOnnx from '@graftjs/engine-onnx';
import modelVgg from '@graftjs/model-vgg';
import { finetune } from '@graftjs/trainer';
import { startImageWorkers } from '@graftjs/trainer/node';
import { reportEnd, reportMeasure, settings } from './report.js';

const epochs = 4;
const { batch, steps, size, images, scratch } = settings;
const container = createContainer([ckptSlim, dataFolder, engineOnnx, modelVgg]);
let begun = 0;
await finetune(
  {
    model: { name: 'vgg_16', size },
    dataset: { name: 'folder', folder: images! },
    train: 'head',
    optimizer: 'momentum',
    batchSize: batch,
    epochs,
    evalEvery: epochs * steps,
  },
  container,
  {
    files,
    folder: join(scratch!, 'run'),
    features: { folder: join(scratch!, 'features') },
    startWorkers: startImageWorkers,
    onEvent(event) {
      if (event.type === 'start') begun = performance.now();
      if (event.type !== 'step' || event.step % steps !== 0) return;
      const seconds = (performance.now() - begun) / 1000;
      const epoch = event.epoch === 1 ? 'first epoch' : 'further epochs';
      reportMeasure(seconds, batch * steps, `${settings.system}, ${epoch}`);
      begun = performance.now();
    },
  },
);
reportEnd();
