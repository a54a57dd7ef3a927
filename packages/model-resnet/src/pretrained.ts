import { type Download, slimCheckpoint } from '@graftjs/core';

/** Of He and others (https://github.com/KaimingHe/deep-residual-networks), whose weights TF-Slim converted. */
const version1 = {
  published: '2016_08_28',
  licence: 'MIT (Kaiming He)',
  size: 224,
  preprocessing: 'vgg',
  labelOffset: 1,
} as const;

/** Trained at Google; the README says that they are evaluated with Inception's preprocessing at 299 pixels. */
const version2 = {
  published: '2017_04_14',
  licence: 'Apache-2.0 (TensorFlow)',
  size: 299,
  preprocessing: 'inception',
  labelOffset: 0,
} as const;

/**
 * TF-Slim's checkpoints of ResNet, with the accuracy that its README states. The size of the first is the one that
 * TensorLayer expects of that file; of the others none is published.
 */
export const resnetPretrained: readonly Download[] = [
  slimCheckpoint({
    model: 'resnet_v1_50',
    title: 'ResNet-50',
    bytes: 95_073_259,
    parameters: 25_600_000,
    top1: 0.752,
    top5: 0.922,
    ...version1,
  }),
  slimCheckpoint({
    model: 'resnet_v1_101',
    title: 'ResNet-101',
    parameters: 44_700_000,
    top1: 0.764,
    top5: 0.929,
    ...version1,
  }),
  slimCheckpoint({
    model: 'resnet_v1_152',
    title: 'ResNet-152',
    parameters: 60_400_000,
    top1: 0.768,
    top5: 0.932,
    ...version1,
  }),
  slimCheckpoint({
    model: 'resnet_v2_50',
    title: 'ResNet-50 v2',
    parameters: 25_600_000,
    top1: 0.756,
    top5: 0.928,
    ...version2,
  }),
  slimCheckpoint({
    model: 'resnet_v2_101',
    title: 'ResNet-101 v2',
    parameters: 44_700_000,
    top1: 0.77,
    top5: 0.937,
    ...version2,
  }),
  slimCheckpoint({
    model: 'resnet_v2_152',
    title: 'ResNet-152 v2',
    parameters: 60_400_000,
    top1: 0.778,
    top5: 0.941,
    ...version2,
  }),
];
