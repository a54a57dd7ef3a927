import { type Download, slimCheckpoint } from '@graftjs/core';

/** The licence of Oxford's weights (https://www.robots.ox.ac.uk/~vgg/research/very_deep/), which TF-Slim converted. */
const licence = 'CC BY 4.0 (Visual Geometry Group, Oxford)';

const rest = { published: '2016_08_28', licence, size: 224, preprocessing: 'vgg', labelOffset: 1 } as const;

/**
 * TF-Slim's checkpoints of VGG, with the accuracy that its README states. The size of the first is what the downloader of
 * Slim's own notebooks tells of it; of the second none is published.
 */
export const vggPretrained: readonly Download[] = [
  slimCheckpoint({
    model: 'vgg_16',
    title: 'VGG-16',
    bytes: 513_324_920,
    parameters: 138_357_544,
    top1: 0.715,
    top5: 0.898,
    ...rest,
  }),
  slimCheckpoint({
    model: 'vgg_19',
    title: 'VGG-19',
    parameters: 143_667_240,
    top1: 0.711,
    top5: 0.898,
    ...rest,
  }),
];
