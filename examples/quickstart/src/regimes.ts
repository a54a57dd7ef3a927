import type { RunConfigInput } from '@graftjs/trainer';

/** Height and width of the images in pixels: those of CIFAR-10, which the checkpoint was trained on. */
export const size = 32;

/** VGG-16 at a quarter of its width. */
const model = { name: 'vgg_16', width: 0.25, size };

const common = { model, engine: { name: 'onnx' }, optimizer: 'adam', batchSize: 32, seed: 1 } as const;

/** The three ways to train: name, what it means, and the run's config. */
export function regimes(
  data: string,
  checkpoint: string,
): readonly { name: string; meaning: string; config: RunConfigInput }[] {
  const dataset = { name: 'folder', folder: data };
  const pretrained = { path: checkpoint, exclude: ['vgg_16/fc8'] };
  return [
    {
      name: 'scratch',
      meaning: 'all layers, from random weights',
      config: { ...common, dataset, train: 'all', learningRate: 3e-4, epochs: 3 },
    },
    {
      name: 'head',
      meaning: 'pretrained, the new last layer only',
      config: { ...common, dataset, checkpoint: pretrained, train: 'head', learningRate: 1e-3, epochs: 10 },
    },
    {
      name: 'all',
      meaning: 'pretrained, all layers',
      config: { ...common, dataset, checkpoint: pretrained, train: 'all', learningRate: 1e-4, epochs: 3 },
    },
  ];
}
