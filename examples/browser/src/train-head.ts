import ckptSlim from '@graftjs/ckpt-slim';
import {
  createContainer,
  createMemoryFiles,
  DATASET,
  definePlugin,
  ENGINE,
  EXPORTER,
  type FileSystem,
  type Image,
} from '@graftjs/core';
import modelVgg from '@graftjs/model-vgg';
import {
  type ExportResult,
  exportRun,
  finetune,
  openRun,
  type Prediction,
  predict,
  type RunEvent,
  type RunResult,
} from '@graftjs/trainer';
import weights from '../../quickstart/vgg_16_quarter_cifar10.ckpt?url';
import { engine } from './backends.js';
import { type ImageClass, imagesDataset } from './images-dataset.js';
import { browserExporter } from './onnx-exporter.js';

/** VGG-16 at a quarter of its width, as the weights have it. */
const model = { name: 'vgg_16', width: 0.25, size: 32 };

/** A network that was trained. */
export interface TrainedHead {
  readonly result: RunResult;
  /** The classes of each image, the most probable first. */
  classify(images: readonly Image[]): Promise<readonly (readonly Prediction[])[]>;
  /** The network as an ONNX file, which has been compared with it. */
  exportOnnx(): Promise<{ readonly bytes: Uint8Array<ArrayBuffer>; readonly exported: ExportResult }>;
  close(): Promise<void>;
}

export interface HeadOptions {
  readonly epochs: number;
  /** One of `backends`. */
  readonly backend: string;
  readonly onEvent: (event: RunEvent) => void;
  readonly signal: AbortSignal;
}

async function readFile(path: string, files: FileSystem): Promise<Uint8Array<ArrayBuffer>> {
  const file = await files.open(path);
  const bytes = new Uint8Array(file.size);
  await file.read(0, bytes);
  return bytes;
}

async function download(url: string, to: string, files: FileSystem): Promise<void> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`The weights could not be fetched: ${response.status} ${response.statusText}`);
  await files.write(to, [new Uint8Array(await response.arrayBuffer())]);
}

/** Trains a new last layer for the classes: a run as in Node, whose folder is in memory. */
export async function trainHead(classes: readonly ImageClass[], options: HeadOptions): Promise<TrainedHead> {
  const { epochs, backend, onEvent, signal } = options;
  const files = createMemoryFiles();
  const page = definePlugin({
    name: 'page',
    register(container) {
      container.register(DATASET, { useValue: imagesDataset(classes) });
      container.register(ENGINE, { useValue: engine });
      container.register(EXPORTER, { useValue: browserExporter(files) });
    },
  });
  const container = createContainer([ckptSlim, modelVgg, page]);
  await download(weights, '/weights.ckpt', files);
  const config = {
    model,
    dataset: { name: 'images', folder: '/' },
    checkpoint: { path: '/weights.ckpt', exclude: ['vgg_16/fc8'] },
    train: 'head' as const,
    engine: { name: 'tfjs', device: backend },
    learningRate: 3e-3,
    batchSize: 16,
    epochs,
    saveEvery: Number.MAX_SAFE_INTEGER, // only at the end
  };
  const result = await finetune(config, container, {
    folder: '/run',
    files,
    features: { folder: '/features' },
    onEvent,
    signal,
  });
  const run = await openRun('/run', container, { files });
  return {
    result,
    async classify(images) {
      const answers: (readonly Prediction[])[] = [];
      const { session, preprocessing } = run;
      for await (const answer of predict(session, images, run.classes, { preprocessing, top: run.classes.length }))
        answers.push(answer);
      return answers;
    },
    async exportOnnx() {
      const out = '/network.onnx';
      const exported = await exportRun('/run', container, { files, out });
      return { bytes: await readFile(out, files), exported };
    },
    close: () => run.close(),
  };
}
