import { type Branch, conv, type Layer, type Mixed, maxPool, type Pooling } from './layers.js';

const valid = { padding: 'VALID' } as const;
const halves = { strides: 2, padding: 'VALID' } as const;

/** How the poolings of branches take their means. */
type Averaging = Exclude<Pooling['pool'], 'max'>;

const pooled = (pool: Averaging, channels: number): Branch => [
  { name: 'AvgPool_0a_3x3', pool, kernel: 3 },
  conv('Conv2d_0b_1x1', channels, 1),
];

/** 1x1; 5x5; two of 3x3; a pooling. Figure 5 of the paper, but for its 5x5. */
const mixed5 = (
  pool: Averaging,
  name: string,
  channels: number,
  [first, second]: readonly [string, string] = ['Conv2d_0a_1x1', 'Conv2d_0b_5x5'],
): Mixed => ({
  name,
  branches: [
    [conv('Conv2d_0a_1x1', 64, 1)],
    [conv(first, 48, 1), conv(second, 64, 5)],
    [conv('Conv2d_0a_1x1', 64, 1), conv('Conv2d_0b_3x3', 96, 3), conv('Conv2d_0c_3x3', 96, 3)],
    pooled(pool, channels),
  ],
});

/** 1x1; 7x7 as 1x7 and 7x1; twice that; a pooling. Figure 6 of the paper. */
const mixed6 = (pool: Averaging, name: string, channels: number): Mixed => ({
  name,
  branches: [
    [conv('Conv2d_0a_1x1', 192, 1)],
    [conv('Conv2d_0a_1x1', channels, 1), conv('Conv2d_0b_1x7', channels, [1, 7]), conv('Conv2d_0c_7x1', 192, [7, 1])],
    [
      conv('Conv2d_0a_1x1', channels, 1),
      conv('Conv2d_0b_7x1', channels, [7, 1]),
      conv('Conv2d_0c_1x7', channels, [1, 7]),
      conv('Conv2d_0d_7x1', channels, [7, 1]),
      conv('Conv2d_0e_1x7', 192, [1, 7]),
    ],
    pooled(pool, 192),
  ],
});

/** 1x1; 1x3 beside 3x1; the same after 3x3; a pooling. Figure 7 of the paper. */
const mixed7 = (pool: Averaging, name: string, second: string): Mixed => ({
  name,
  branches: [
    [conv('Conv2d_0a_1x1', 320, 1)],
    [conv('Conv2d_0a_1x1', 384, 1), [conv('Conv2d_0b_1x3', 384, [1, 3]), conv(second, 384, [3, 1])]],
    [
      conv('Conv2d_0a_1x1', 448, 1),
      conv('Conv2d_0b_3x3', 384, 3),
      [conv('Conv2d_0c_1x3', 384, [1, 3]), conv('Conv2d_0d_3x1', 384, [3, 1])],
    ],
    pooled(pool, 192),
  ],
});

/** `inception_v3_base` of TF-Slim, where a name does not always say what the layer is: two of `1x1` are 3x3. */
export const inceptionV3 = (pool: Averaging): readonly (Layer | Mixed)[] => [
  conv('Conv2d_1a_3x3', 32, 3, halves),
  conv('Conv2d_2a_3x3', 32, 3, valid),
  conv('Conv2d_2b_3x3', 64, 3),
  maxPool('MaxPool_3a_3x3', 3, halves),
  conv('Conv2d_3b_1x1', 80, 1),
  conv('Conv2d_4a_3x3', 192, 3, valid),
  maxPool('MaxPool_5a_3x3', 3, halves),
  mixed5(pool, 'Mixed_5b', 32),
  mixed5(pool, 'Mixed_5c', 64, ['Conv2d_0b_1x1', 'Conv_1_0c_5x5']),
  mixed5(pool, 'Mixed_5d', 64),
  {
    name: 'Mixed_6a',
    branches: [
      [conv('Conv2d_1a_1x1', 384, 3, halves)],
      [conv('Conv2d_0a_1x1', 64, 1), conv('Conv2d_0b_3x3', 96, 3), conv('Conv2d_1a_1x1', 96, 3, halves)],
      [maxPool('MaxPool_1a_3x3', 3, halves)],
    ],
  },
  mixed6(pool, 'Mixed_6b', 128),
  mixed6(pool, 'Mixed_6c', 160),
  mixed6(pool, 'Mixed_6d', 160),
  mixed6(pool, 'Mixed_6e', 192),
  {
    name: 'Mixed_7a',
    branches: [
      [conv('Conv2d_0a_1x1', 192, 1), conv('Conv2d_1a_3x3', 320, 3, halves)],
      [
        conv('Conv2d_0a_1x1', 192, 1),
        conv('Conv2d_0b_1x7', 192, [1, 7]),
        conv('Conv2d_0c_7x1', 192, [7, 1]),
        conv('Conv2d_1a_3x3', 192, 3, halves),
      ],
      [maxPool('MaxPool_1a_3x3', 3, halves)],
    ],
  },
  mixed7(pool, 'Mixed_7b', 'Conv2d_0b_3x1'),
  mixed7(pool, 'Mixed_7c', 'Conv2d_0c_3x1'),
];
