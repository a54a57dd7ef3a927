import type { BatchNormOptions, PaddingRule } from '@graftjs/core';
import type { ResnetSource } from './name-maps.js';

/** What versions of the network differ in. */
export interface Version {
  readonly what: string;
  /** Whether normalization and rectifier come before each convolution, and once more before the head: version 2. */
  readonly preactivates: boolean;
  /** Where a block halves its image. */
  readonly halvingUnit: 'first' | 'last';
  /** The 1x1 convolution before the 3x3 one, or that. */
  readonly halvingLayer: 'conv1' | 'conv2';
  readonly poolPadding: PaddingRule;
  /** Whether the first pooling sees zeros around its image. */
  readonly poolsOverZeros?: true;
  readonly batchNorm: BatchNormOptions;
  /** Of the published weights. */
  readonly classes: number;
  readonly size: number;
  readonly preprocessing: 'vgg' | 'inception';
  /** Who else has this network. */
  readonly sources: readonly ResnetSource[];
}

/** `resnet_arg_scope` of TF-Slim. */
const slim = { batchNorm: { scale: true, epsilon: 1e-5, decay: 0.997 } };
const keras = {
  batchNorm: { scale: true, epsilon: 1.001e-5, decay: 0.99 },
  sources: ['keras', 'keras 2'],
} as const;
const imageNet = { classes: 1000, size: 224, preprocessing: 'vgg' } as const;

/** By the names of the networks, to which the depth is added. */
export const versions: Readonly<Record<string, Version>> = {
  resnet_v1: {
    what: 'as TF-Slim, which halves at the end of a block',
    preactivates: false,
    halvingUnit: 'last',
    halvingLayer: 'conv2',
    poolPadding: 'SAME',
    sources: [],
    ...slim,
    ...imageNet,
  },
  resnet_original: {
    what: 'with the strides of the paper’s own weights',
    preactivates: false,
    halvingUnit: 'first',
    halvingLayer: 'conv1',
    poolPadding: 'SAME',
    sources: [],
    ...slim,
    ...imageNet,
  },
  resnet_v1b: {
    what: 'version 1.5 as in torchvision and timm',
    preactivates: false,
    halvingUnit: 'first',
    halvingLayer: 'conv2',
    poolPadding: [1, 1, 1, 1],
    sources: ['torchvision', 'timm'],
    ...slim,
    ...imageNet,
  },
  resnet_v1_keras: {
    what: 'as in Keras: the paper’s strides, the first pooling as in torchvision',
    preactivates: false,
    halvingUnit: 'first',
    halvingLayer: 'conv1',
    poolPadding: [1, 1, 1, 1],
    ...keras,
    ...imageNet,
  },
  resnet_v2: {
    what: 'version 2 as TF-Slim, with preactivation',
    preactivates: true,
    halvingUnit: 'last',
    halvingLayer: 'conv2',
    poolPadding: 'SAME',
    classes: 1001,
    size: 299,
    preprocessing: 'inception',
    sources: [],
    ...slim,
  },
  resnet_v2_keras: {
    what: 'version 2 as in Keras, whose first pooling sees zeros around the image',
    preactivates: true,
    halvingUnit: 'last',
    halvingLayer: 'conv2',
    poolPadding: 'VALID',
    poolsOverZeros: true,
    classes: 1000,
    size: 224,
    preprocessing: 'inception',
    ...keras,
  },
};
