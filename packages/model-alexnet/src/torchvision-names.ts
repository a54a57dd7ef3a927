import type { ForeignTensor, NameMap } from '@graftjs/core';

/** OIHW in HWIO. */
const oihw = [3, 2, 0, 1];

/** Where torchvision's `alexnet` has the layers, by their places among rectifiers, poolings and dropouts, and how the weights lie. */
const layers: Readonly<Record<string, readonly [name: string, axes: ForeignTensor['axes']]>> = {
  conv1: ['features.0', oihw],
  conv2: ['features.3', oihw],
  conv3: ['features.6', oihw],
  conv4: ['features.8', oihw],
  conv5: ['features.10', oihw],
  // Over features that were flattened as CHW.
  fc6: ['classifier.1', [3, [2, 0, 1]]],
  fc7: ['classifier.4', [3, [0, 1, 2]]],
  fc8: ['classifier.6', [3, [0, 1, 2]]],
};

/** @param network the name with which its variables begin */
export function torchvisionNames(network: string): NameMap {
  const tensors: Record<string, ForeignTensor> = {};
  for (const [layer, [name, axes]] of Object.entries(layers)) {
    tensors[`${network}/${layer}/weights`] = { name: `${name}.weight`, axes };
    tensors[`${network}/${layer}/biases`] = { name: `${name}.bias`, axes: [0] };
  }
  return {
    source: 'torchvision',
    tensors,
    // `torchvision.transforms.Normalize` as its weights want it, of images from 0 to 1.
    input: {
      channels: 'RGB',
      mean: [255 * 0.485, 255 * 0.456, 255 * 0.406],
      deviation: [255 * 0.229, 255 * 0.224, 255 * 0.225],
    },
  };
}
