import type { Download } from './download.js';
import { ilsvrc2012 } from './ilsvrc2012.js';

/** What the checkpoints that TF-Slim published differ in. */
export interface SlimCheckpoint {
  /** The backbone, which is also what the file is called: `vgg_16`. */
  readonly model: string;
  /** The network for people: `VGG-16`. */
  readonly title: string;
  /** The date in the address. */
  readonly published: '2016_08_28' | '2017_04_14';
  readonly licence: string;
  /** As `Download` has them; absent where nobody says. */
  readonly bytes?: number;
  readonly sha256?: string;
  /** Parameters of the network, from which follows how large the archive may become. */
  readonly parameters: number;
  readonly size: number;
  readonly preprocessing: 'vgg' | 'inception';
  /** See `Pretrained`. */
  readonly labelOffset: 0 | 1;
  /** Shares, 0 to 1: the README's percentages. */
  readonly top1: number;
  readonly top5: number;
}

/**
 * TF-Slim's README (`research/slim/README.md` of github.com/tensorflow/models, "Pre-trained Models") gives
 * http://download.tensorflow.org/models/, which is this bucket. No certificate is for that name, and hashes are published of
 * few of the files: so they come from the bucket itself, by https.
 */
const folder = 'https://storage.googleapis.com/download.tensorflow.org/models';

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** What there may be beside the weights: TensorFlow's table of the variables, and graphs for training and evaluation. */
const besides = 50_000_000;

/**
 * The record of a checkpoint that TF-Slim published, with the address and the accuracy of its README. All were trained on
 * ILSVRC2012. TF-Slim publishes no hashes.
 */
export function slimCheckpoint(checkpoint: SlimCheckpoint): Download {
  const { model, title, published, licence, bytes, sha256, parameters, size, preprocessing, labelOffset } = checkpoint;
  const { top1, top5 } = checkpoint;
  return {
    name: model,
    description: `${title} for ImageNet, published by TF-Slim: top-1 ${percent(top1)}, top-5 ${percent(top5)}`,
    licence,
    address: `${folder}/${model}_${published}.tar.gz`,
    ...(bytes !== undefined && { bytes }),
    ...(sha256 !== undefined && { hash: { algorithm: 'sha256', value: sha256 } }),
    archive: { format: 'tar.gz', entry: `${model}.ckpt`, bytes: 4 * parameters + besides, entries: 10 },
    pretrained: {
      model,
      dataset: 'ILSVRC2012',
      classNames: ilsvrc2012,
      classes: ilsvrc2012.length + 1 - labelOffset,
      labelOffset,
      size,
      preprocessing,
      accuracy: { top1, top5, source: "TF-Slim's README, on ImageNet with one crop an image" },
    },
  };
}
