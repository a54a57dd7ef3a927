import { averagePool, conv, type Layer, type Mixed, maxPool } from './layers.js';

/** A 1x1 convolution before others. */
const reduce = (channels: number) => conv('Conv2d_0a_1x1', channels, 1, { deviation: 0.09 });

/** A 1x1 convolution after a pooling. */
const project = (channels: number) => conv('Conv2d_0b_1x1', channels, 1, { deviation: 0.1 });

/** Four branches: 1x1; 3x3 after 1x1; two of 3x3 after 1x1; 1x1 after a pooling. */
function mixed(
  name: string,
  [first, second, third, fourth]: readonly [number, readonly [number, number], readonly [number, number], number],
  pooling: Layer = averagePool('AvgPool_0a_3x3', 3),
): Mixed {
  return {
    name,
    branches: [
      [conv('Conv2d_0a_1x1', first, 1)],
      [reduce(second[0]), conv('Conv2d_0b_3x3', second[1], 3)],
      [reduce(third[0]), conv('Conv2d_0b_3x3', third[1], 3), conv('Conv2d_0c_3x3', third[1], 3)],
      [pooling, project(fourth)],
    ],
  };
}

/** Three branches that halve the image. */
function halving(
  name: string,
  [first, second]: readonly [readonly [number, number], readonly [number, number]],
): Mixed {
  const last = (channels: number) => conv('Conv2d_1a_3x3', channels, 3, { strides: 2 });
  return {
    name,
    branches: [
      [reduce(first[0]), last(first[1])],
      [reduce(second[0]), conv('Conv2d_0b_3x3', second[1], 3), last(second[1])],
      [maxPool('MaxPool_1a_3x3', 3, { strides: 2 })],
    ],
  };
}

/**
 * `inception_v2_base` of TF-Slim.
 * @param stemChannels those of the first layer at the network's width, on which its separable convolution depends
 */
export const inceptionV2 = (stemChannels: number): readonly (Layer | Mixed)[] => [
  conv('Conv2d_1a_7x7', 64, 7, {
    strides: 2,
    deviation: 1,
    multiplier: Math.max(1, Math.min(Math.floor(stemChannels / 3), 8)),
  }),
  maxPool('MaxPool_2a_3x3', 3, { strides: 2 }),
  conv('Conv2d_2b_1x1', 64, 1, { deviation: 0.1 }),
  conv('Conv2d_2c_3x3', 192, 3),
  maxPool('MaxPool_3a_3x3', 3, { strides: 2 }),
  mixed('Mixed_3b', [64, [64, 64], [64, 96], 32]),
  mixed('Mixed_3c', [64, [64, 96], [64, 96], 64]),
  halving('Mixed_4a', [
    [128, 160],
    [64, 96],
  ]),
  mixed('Mixed_4b', [224, [64, 96], [96, 128], 128]),
  mixed('Mixed_4c', [192, [96, 128], [96, 128], 128]),
  mixed('Mixed_4d', [160, [128, 160], [128, 160], 96]),
  mixed('Mixed_4e', [96, [128, 192], [160, 192], 96]),
  halving('Mixed_5a', [
    [128, 192],
    [192, 256],
  ]),
  mixed('Mixed_5b', [352, [192, 320], [160, 224], 128]),
  mixed('Mixed_5c', [352, [192, 320], [192, 224], 128], maxPool('MaxPool_0a_3x3', 3)),
];
