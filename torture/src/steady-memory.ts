import { join } from 'node:path';
import ckptSlim from '@graftjs/ckpt-slim';
import { createContainer } from '@graftjs/core';
import { nodeFileSystem as files } from '@graftjs/core/node';
import dataCifar10 from '@graftjs/data-cifar10';
import engineOnnx from '@graftjs/engine-onnx';
import { finetune } from '@graftjs/trainer';
import { startImageWorkers } from '@graftjs/trainer/node';
import { drawCifar10 } from './draw-cifar10.js';
import tinyNetwork from './tiny-network.js';

// Started with --expose-gc and an empty folder: trains 1,000 steps of the tiny network, with all that the command has about
// them, and prints a line of JSON with the memory after each hundred, what is garbage collected before.

const [folder] = process.argv.slice(2) as [string];
const container = createContainer([tinyNetwork, dataCifar10, ckptSlim, engineOnnx]);
await finetune(
  {
    model: { name: 'tiny_net' },
    dataset: { name: 'cifar10', folder: await drawCifar10(join(folder, 'cifar10')) },
    batchSize: 10,
    augment: ['crop', 'flip'],
    movingAverageDecay: 0.9,
    weightDecay: 0.001,
    steps: 1000,
    evalEvery: 20,
    saveEvery: 50,
  },
  container,
  {
    files,
    folder: join(folder, 'run'),
    startWorkers: startImageWorkers,
    onEvent(event) {
      if (event.type !== 'step' || event.step % 100 !== 0) return;
      globalThis.gc!();
      console.log(JSON.stringify({ step: event.step, ...process.memoryUsage() }));
    },
  },
);
