import { type Download, slimCheckpoint } from '@graftjs/core';

const rest = {
  published: '2016_08_28',
  licence: 'Apache-2.0 (TensorFlow)',
  preprocessing: 'inception',
  labelOffset: 0,
} as const;

/**
 * TF-Slim's checkpoints of Inception, with the accuracy that its README states. Sizes and hashes are those that Intel's Open
 * Model Zoo expects of the same files (models/public/googlenet-v1-tf and googlenet-v2-tf); of the third none are published.
 */
export const inceptionPretrained: readonly Download[] = [
  slimCheckpoint({
    model: 'inception_v1',
    title: 'Inception v1',
    bytes: 24_642_554,
    sha256: '7a620c430fcaba8f8f716241f5148c4c47c035cce4e49ef02cfbe6cd1adf96a6',
    parameters: 6_700_000,
    size: 224,
    top1: 0.698,
    top5: 0.896,
    ...rest,
  }),
  slimCheckpoint({
    model: 'inception_v2',
    title: 'Inception v2',
    bytes: 41_577_079,
    sha256: '3b9d269984402003d8330affc4e1463c0b4cfd536339ad12446a48d72477480a',
    parameters: 11_300_000,
    size: 224,
    top1: 0.739,
    top5: 0.918,
    ...rest,
  }),
  slimCheckpoint({
    model: 'inception_v3',
    title: 'Inception v3',
    parameters: 27_300_000,
    size: 299,
    top1: 0.78,
    top5: 0.939,
    ...rest,
  }),
];
