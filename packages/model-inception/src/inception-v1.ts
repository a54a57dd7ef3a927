import { conv, type Layer, type Mixed, maxPool } from './layers.js';

/** What every convolution's weights start with. */
const deviation = 0.01;

const stem = (name: string, channels: number, kernel: number, strides = 1) =>
  conv(name, channels, kernel, { strides, deviation });

/**
 * Four branches: 1x1; 3x3 after 1x1; again 3x3 after 1x1, where the paper has 5x5; 1x1 after a pooling.
 * @param last the name of the third branch's second layer where it is not the usual one
 */
function mixed(
  name: string,
  [first, second, third, fourth]: readonly [number, readonly [number, number], readonly [number, number], number],
  last = 'Conv2d_0b_3x3',
): Mixed {
  const layer = (scope: string, channels: number, kernel: number) => conv(scope, channels, kernel, { deviation });
  return {
    name,
    branches: [
      [layer('Conv2d_0a_1x1', first, 1)],
      [layer('Conv2d_0a_1x1', second[0], 1), layer('Conv2d_0b_3x3', second[1], 3)],
      [layer('Conv2d_0a_1x1', third[0], 1), layer(last, third[1], 3)],
      [maxPool('MaxPool_0a_3x3', 3), layer('Conv2d_0b_1x1', fourth, 1)],
    ],
  };
}

/** `inception_v1_base` of TF-Slim: the columns of the paper's table 1. */
export const inceptionV1: readonly (Layer | Mixed)[] = [
  stem('Conv2d_1a_7x7', 64, 7, 2),
  maxPool('MaxPool_2a_3x3', 3, { strides: 2 }),
  stem('Conv2d_2b_1x1', 64, 1),
  stem('Conv2d_2c_3x3', 192, 3),
  maxPool('MaxPool_3a_3x3', 3, { strides: 2 }),
  mixed('Mixed_3b', [64, [96, 128], [16, 32], 32]),
  mixed('Mixed_3c', [128, [128, 192], [32, 96], 64]),
  maxPool('MaxPool_4a_3x3', 3, { strides: 2 }),
  mixed('Mixed_4b', [192, [96, 208], [16, 48], 64]),
  mixed('Mixed_4c', [160, [112, 224], [24, 64], 64]),
  mixed('Mixed_4d', [128, [128, 256], [24, 64], 64]),
  mixed('Mixed_4e', [112, [144, 288], [32, 64], 64]),
  mixed('Mixed_4f', [256, [160, 320], [32, 128], 128]),
  maxPool('MaxPool_5a_2x2', 2, { strides: 2 }),
  mixed('Mixed_5b', [256, [160, 320], [32, 128], 128], 'Conv2d_0a_3x3'),
  mixed('Mixed_5c', [384, [192, 384], [48, 128], 128]),
];
