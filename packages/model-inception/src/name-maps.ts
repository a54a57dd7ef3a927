import type { ForeignInput, ForeignTensor, NameMap } from '@graftjs/core';
import { inceptionV3 } from './inception-v3.js';
import { convolutionsOf, type Place } from './layers.js';

/** Images from -1 to 1, as torchvision's network makes them itself of what it is fed (`transform_input`). */
const input: ForeignInput = { channels: 'RGB', mean: [127.5, 127.5, 127.5], deviation: [127.5, 127.5, 127.5] };

type Tensors = Record<string, ForeignTensor>;

/** What torchvision calls the branches of each module. */
const branches: Readonly<Record<string, readonly string[]>> = {
  Mixed_5: ['branch1x1', 'branch5x5', 'branch3x3dbl', 'branch_pool'],
  Mixed_6a: ['branch3x3', 'branch3x3dbl'],
  Mixed_6: ['branch1x1', 'branch7x7', 'branch7x7dbl', 'branch_pool'],
  Mixed_7a: ['branch3x3', 'branch7x7x3'],
  Mixed_7: ['branch1x1', 'branch3x3', 'branch3x3dbl', 'branch_pool'],
};

/** `Mixed_7b.branch3x3dbl_3a` */
function pytorchLayer({ scope, within }: Place): string {
  if (!within) return scope;
  const { module, branch, place, count, beside } = within;
  const names = branches[module] ?? branches[module.slice(0, -1)]!;
  const side = beside === undefined ? '' : 'ab'[beside];
  return `${module}.${names[branch]}${count > 1 ? `_${place + 1}${side}` : ''}`;
}

function pytorchTensors(): Tensors {
  const tensors: Tensors = {};
  const convolution = (scope: string, name: string) => {
    tensors[`InceptionV3/${scope}/weights`] = { name: `${name}.conv.weight`, axes: [3, 2, 0, 1] };
    for (const [part, found] of [
      ['gamma', 'weight'],
      ['beta', 'bias'],
      ['moving_mean', 'running_mean'],
      ['moving_variance', 'running_var'],
    ])
      tensors[`InceptionV3/${scope}/BatchNorm/${part}`] = { name: `${name}.bn.${found}`, axes: [0] };
  };
  const dense = (scope: string, name: string) => {
    tensors[`InceptionV3/${scope}/weights`] = { name: `${name}.weight`, axes: [3, [0, 1, 2]] };
    tensors[`InceptionV3/${scope}/biases`] = { name: `${name}.bias`, axes: [0] };
  };
  for (const place of convolutionsOf(inceptionV3('counting'))) convolution(place.scope, pytorchLayer(place));
  convolution('AuxLogits/Conv2d_1b_1x1', 'AuxLogits.conv0');
  convolution('AuxLogits/Conv2d_2a_5x5', 'AuxLogits.conv1');
  dense('AuxLogits/Conv2d_2b_1x1', 'AuxLogits.fc');
  dense('Logits/Conv2d_1c_1x1', 'fc');
  return tensors;
}

/** Keras numbers what has no name of its own: its convolutions and normalizations in the order in which they are made. */
function kerasTensors(ending: string): Tensors {
  const tensors: Tensors = {};
  for (const [index, { scope }] of convolutionsOf(inceptionV3('average')).entries()) {
    const number = index === 0 ? '' : `_${index}`;
    tensors[`InceptionV3/${scope}/weights`] = { name: `conv2d${number}/kernel${ending}`, axes: [0, 1, 2, 3] };
    for (const part of ['beta', 'moving_mean', 'moving_variance']) {
      const name = `batch_normalization${number}/${part}${ending}`;
      tensors[`InceptionV3/${scope}/BatchNorm/${part}`] = { name, axes: [0] };
    }
  }
  const logits = 'InceptionV3/Logits/Conv2d_1c_1x1';
  tensors[`${logits}/weights`] = { name: `predictions/kernel${ending}`, axes: [[0, 1, 2], 3] };
  tensors[`${logits}/biases`] = { name: `predictions/bias${ending}`, axes: [0] };
  return tensors;
}

/** Names of torchvision's `inception_v3`, which timm's are too. */
export const pytorchNames: readonly NameMap[] = ['torchvision', 'timm'].map((source) => {
  return { source, tensors: pytorchTensors(), input };
});

/** Names of `keras.applications.InceptionV3`, which has no auxiliary layers: by `variable.path` in Keras 3, with `:0` in Keras 2. */
export const kerasNames: readonly NameMap[] = [
  { source: 'keras', tensors: kerasTensors(''), input },
  { source: 'keras 2', tensors: kerasTensors(':0'), input },
];
