import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { drawImages } from './draw-images.js';
import { exportNetwork } from './export-network.js';
import type { Settings } from './protocol.js';
import { finish, type Program } from './system-process.js';

/** What may be chosen for a short run. */
export interface Scale {
  /** Images of a step. */
  readonly batch: number;
  /** Height and width of the images in pixels. */
  readonly size: number;
  /** Measured steps of a process. */
  readonly steps: number;
  /** Times that each system runs, in turn with the others. */
  readonly rounds: number;
}

/** A system that is measured, in a process of its own. */
export interface System {
  readonly name: string;
  readonly program: Program;
  readonly settings?: Pick<Settings, 'channelsLast' | 'engine'>;
}

export interface Benchmark {
  /** One line: what is measured. */
  readonly description: string;
  readonly defaults: Scale;
  readonly task: string;
  /** TF-Slim's name of the network. */
  readonly network: string;
  /** The one whose speed is compared with all others' stands first. */
  readonly systems: readonly System[];
  /** The label of what is compared where the first system reports several. */
  readonly base?: string;
  /** Makes, once, what the systems read in `folder`. */
  prepare?(scale: Scale, threads: number, folder: string): Promise<Partial<Settings>>;
}

const node = (script: string): Program => ({ runtime: 'node', script });
const torch = (script: string): Program => ({ runtime: 'torch', script });
const tensorflowClassifier: Program = { runtime: 'tensorflow', script: 'tensorflow_classifier.py' };

const graftTrain: System = { name: 'Graft', program: node('graft-train.js') };
const peers: readonly System[] = [
  { name: 'PyTorch, NCHW', program: torch('torch_classifier.py'), settings: { channelsLast: false } },
  { name: 'PyTorch, channels_last', program: torch('torch_classifier.py'), settings: { channelsLast: true } },
  { name: 'TensorFlow, tf_slim', program: tensorflowClassifier },
];

const segmentationPeers: readonly System[] = [
  { name: 'PyTorch, NCHW', program: torch('torch_fcn.py'), settings: { channelsLast: false } },
  { name: 'PyTorch, channels_last', program: torch('torch_fcn.py'), settings: { channelsLast: true } },
];

/** Graft on each engine that a machine without a GPU has. */
const engines = (script: string): readonly System[] => [
  { name: 'onnx', program: node(script) },
  {
    name: 'tfjs, node',
    program: { ...node(script), usesTfjs: true },
    settings: { engine: { name: 'tfjs', device: 'node' } },
  },
  { name: 'tfjs, wasm', program: node(script), settings: { engine: { name: 'tfjs', device: 'wasm' } } },
  { name: 'tfjs, cpu', program: node(script), settings: { engine: { name: 'tfjs', device: 'cpu' } } },
];

/** A network from images to logits, at batches of 8 and of 1. */
function inference(network: string, title: string, size: number): Readonly<Record<string, Benchmark>> {
  const systems = [
    { name: 'Graft', program: node('graft-infer.js') },
    { name: 'onnxruntime-node, exported file', program: node('onnxruntime-infer.js') },
    ...peers,
  ];
  const one = (batch: number): Benchmark => ({
    description: `${title} from images to logits, ${batch} at a time`,
    defaults: { batch, size, steps: 40 / batch, rounds: 3 },
    task: 'infer',
    network,
    systems,
    prepare: async (scale, _threads, folder) => ({ exported: await exportNetwork(network, scale.size, folder) }),
  });
  return { [`infer-${network}`]: one(8), [`infer-${network}-1`]: one(1) };
}

/** A full V1 checkpoint, written by TensorFlow. */
async function writeCheckpoint({ size }: Scale, threads: number, folder: string): Promise<Partial<Settings>> {
  const checkpoint = join(folder, `vgg_16-${size}px.ckpt`);
  if (!existsSync(checkpoint)) {
    const draft = `${checkpoint}.draft`;
    const settings = {
      system: '',
      task: 'checkpoint',
      network: 'vgg_16',
      batch: 1,
      steps: 0,
      warmup: 0,
      size,
      threads,
      checkpoint: draft,
    };
    await finish(tensorflowClassifier, settings, folder);
    await rename(draft, checkpoint);
  }
  return { checkpoint };
}

async function drawTraining({ batch, steps }: Scale, _threads: number, folder: string): Promise<Partial<Settings>> {
  const scratch = join(folder, 'scratch');
  await rm(scratch, { recursive: true, force: true });
  await mkdir(scratch, { recursive: true });
  return { images: await drawImages(folder, batch * steps), scratch };
}

/** All benchmarks by name. */
export const benchmarks: Readonly<Record<string, Benchmark>> = {
  'train-vgg_16': {
    description: 'A training step of VGG-16: all layers, SGD with momentum, dropout as published',
    defaults: { batch: 32, size: 224, steps: 2, rounds: 1 },
    task: 'train',
    network: 'vgg_16',
    systems: [graftTrain, ...peers, { name: 'tfjs-node', program: { runtime: 'tfjs', script: 'tfjs_vgg_16.mjs' } }],
  },
  'train-vgg_16-head': {
    description: 'A training step of VGG-16: only fc8, nothing kept of the frozen layers between steps',
    defaults: { batch: 32, size: 224, steps: 2, rounds: 1 },
    task: 'head',
    network: 'vgg_16',
    systems: [graftTrain, ...peers],
  },
  'train-resnet_v1_50': {
    description: 'A training step of ResNet-50: all layers, SGD with momentum, batch statistics',
    defaults: { batch: 32, size: 224, steps: 2, rounds: 1 },
    task: 'train',
    network: 'resnet_v1_50',
    systems: [graftTrain, ...peers],
  },
  'train-fcn_8s': {
    description: 'A training step of FCN-8s on VGG-16: all layers, SGD with momentum, dropout, 21 classes a pixel',
    defaults: { batch: 2, size: 256, steps: 4, rounds: 2 },
    task: 'train',
    network: 'fcn_8s',
    systems: [graftTrain, ...segmentationPeers],
  },
  'infer-fcn_8s': {
    description: 'FCN-8s on VGG-16 from images to the logits of each pixel',
    defaults: { batch: 2, size: 256, steps: 8, rounds: 3 },
    task: 'infer',
    network: 'fcn_8s',
    systems: [{ name: 'Graft', program: node('graft-infer.js') }, ...segmentationPeers],
  },
  engines: {
    description:
      "A training step of ResNet-50 on each of Graft's engines: all layers, SGD with momentum, batch statistics",
    defaults: { batch: 8, size: 64, steps: 2, rounds: 1 },
    task: 'train',
    network: 'resnet_v1_50',
    systems: engines('graft-train.js'),
  },
  'engines-infer': {
    description: "ResNet-50 from images to logits on each of Graft's engines",
    defaults: { batch: 8, size: 64, steps: 3, rounds: 1 },
    task: 'infer',
    network: 'resnet_v1_50',
    systems: engines('graft-infer.js'),
  },
  ...inference('vgg_16', 'VGG-16', 224),
  ...inference('resnet_v1_50', 'ResNet-50', 224),
  ...inference('inception_v3', 'Inception v3', 299),
  'restore-vgg_16': {
    description: 'All variables of VGG-16 from a V1 checkpoint into a session',
    defaults: { batch: 1, size: 224, steps: 3, rounds: 2 },
    task: 'restore',
    network: 'vgg_16',
    systems: [
      { name: 'Graft', program: node('graft-restore.js') },
      { name: 'TensorFlow, Saver.restore', program: tensorflowClassifier },
    ],
    prepare: writeCheckpoint,
  },
  'head-epochs': {
    description: 'Epochs of a run that trains only fc8 of VGG-16 and keeps what the frozen layers make of an image',
    defaults: { batch: 32, size: 224, steps: 4, rounds: 1 },
    task: 'head',
    network: 'vgg_16',
    systems: [{ name: 'Graft', program: node('graft-head-epochs.js') }],
    base: 'Graft, further epochs',
    prepare: drawTraining,
  },
  loader: {
    description: 'JPEG images of 500 x 375 pixels from an image folder as batches: alone, and beside a training step',
    defaults: { batch: 32, size: 224, steps: 24, rounds: 2 },
    task: 'loader',
    network: 'vgg_16',
    systems: [
      { name: 'Graft', program: node('graft-loader.js') },
      { name: 'PyTorch, DataLoader', program: torch('torch_loader.py') },
    ],
    base: 'Graft, batches alone',
    prepare: drawTraining,
  },
};
