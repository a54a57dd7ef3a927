import type { ForeignInput, ForeignTensor, NameMap } from '@graftjs/core';

/** What a map needs to know of a network. */
interface Network {
  readonly preactivates: boolean;
}

type Add = (variable: string, tensor: ForeignTensor) => void;

/** The layers of a unit, as the sources count them: its shortcut, then its convolutions. */
const layers = ['shortcut', 'conv1', 'conv2', 'conv3'] as const;

/** What a source calls the layers of a network, and how it arranges them. */
interface Source {
  readonly input: (network: Network) => ForeignInput;
  /** Adds the tensors of one network, by Slim's names below its scope. */
  add(add: Add, units: readonly number[], network: Network): void;
}

/** Slim's name of a unit's scope. */
const unitOf = (block: number, place: number, { preactivates }: Network) =>
  `block${block}/unit_${place}/bottleneck_v${preactivates ? 2 : 1}`;

/** `torchvision.transforms.Normalize` as ImageNet's weights want it, of images from 0 to 1. */
const normalized: ForeignInput = {
  channels: 'RGB',
  mean: [255 * 0.485, 255 * 0.456, 255 * 0.406],
  deviation: [255 * 0.229, 255 * 0.224, 255 * 0.225],
};

/** Names of torchvision's `resnet50`, which timm's are too. */
const pytorch: Source = {
  input: () => normalized,
  add(add, units, network) {
    const convolution = (layer: string, name: string, norm: string) => {
      add(`${layer}/weights`, { name: `${name}.weight`, axes: [3, 2, 0, 1] });
      for (const [part, found] of [
        ['gamma', 'weight'],
        ['beta', 'bias'],
        ['moving_mean', 'running_mean'],
        ['moving_variance', 'running_var'],
      ])
        add(`${layer}/BatchNorm/${part}`, { name: `${norm}.${found}`, axes: [0] });
    };
    convolution('conv1', 'conv1', 'bn1');
    for (const [index, count] of units.entries()) {
      for (let place = 0; place < count; place++) {
        const [unit, name] = [unitOf(index + 1, place + 1, network), `layer${index + 1}.${place}`];
        for (const [number, layer] of layers.entries()) {
          if (number > 0) convolution(`${unit}/${layer}`, `${name}.conv${number}`, `${name}.bn${number}`);
          else if (place === 0) convolution(`${unit}/${layer}`, `${name}.downsample.0`, `${name}.downsample.1`);
        }
      }
    }
    add('logits/weights', { name: 'fc.weight', axes: [3, [0, 1, 2]] });
    add('logits/biases', { name: 'fc.bias', axes: [0] });
  },
};

/** Names of `keras.applications`, by `variable.path` in Keras 3 and TensorFlow.js, with `:0` in Keras 2. */
const keras = (ending: string): Source => ({
  // `preprocess_input` of keras.applications.resnet, as Caffe had it, and of resnet_v2.
  input: ({ preactivates }) =>
    preactivates
      ? { channels: 'RGB', mean: [127.5, 127.5, 127.5], deviation: [127.5, 127.5, 127.5] }
      : { channels: 'BGR', mean: [123.68, 116.779, 103.939], deviation: [1, 1, 1] },
  add(add, units, network) {
    const tensor = (name: string, axes: ForeignTensor['axes'], minus?: string): ForeignTensor => ({
      name: `${name}${ending}`,
      axes,
      ...(minus !== undefined && { minus: `${minus}${ending}` }),
    });
    const norm = (scope: string, name: string, bias?: string) => {
      for (const part of ['gamma', 'beta', 'moving_variance']) add(`${scope}/${part}`, tensor(`${name}/${part}`, [0]));
      add(`${scope}/moving_mean`, tensor(`${name}/moving_mean`, [0], bias));
    };
    const weights = (layer: string, name: string) =>
      add(`${layer}/weights`, tensor(`${name}_conv/kernel`, [0, 1, 2, 3]));
    const biased = (layer: string, name: string) => {
      weights(layer, name);
      add(`${layer}/biases`, tensor(`${name}_conv/bias`, [0]));
    };
    /** In version 1 a convolution has biases, which the normalization after it subtracts again. */
    const normal = (layer: string, name: string) => {
      weights(layer, name);
      norm(`${layer}/BatchNorm`, `${name}_bn`, network.preactivates ? undefined : `${name}_conv/bias`);
    };
    const { preactivates } = network;
    (preactivates ? biased : normal)('conv1', 'conv1');
    for (const [index, count] of units.entries()) {
      for (let place = 1; place <= count; place++) {
        const [unit, name] = [unitOf(index + 1, place, network), `conv${index + 2}_block${place}`];
        if (preactivates) norm(`${unit}/preact`, `${name}_preact_bn`);
        for (const [number, layer] of layers.entries()) {
          if (layer === 'shortcut' && place > 1) continue;
          const plain = preactivates && (layer === 'shortcut' || layer === 'conv3');
          (plain ? biased : normal)(`${unit}/${layer}`, `${name}_${number}`);
        }
      }
    }
    if (preactivates) norm('postnorm', 'post_bn');
    add('logits/weights', tensor('predictions/kernel', [[0, 1, 2], 3]));
    add('logits/biases', tensor('predictions/bias', [0]));
  },
});

const sources = {
  torchvision: pytorch,
  timm: pytorch,
  keras: keras(''),
  'keras 2': keras(':0'),
} satisfies Readonly<Record<string, Source>>;

/** Who else has a ResNet. */
export type ResnetSource = keyof typeof sources;

/**
 * What a source calls the variables of a ResNet.
 * @param name Slim's, with which its variables begin
 * @param units how many each block has
 */
export function resnetNameMap(source: ResnetSource, name: string, units: readonly number[], network: Network): NameMap {
  const tensors: Record<string, ForeignTensor> = {};
  const found: Source = sources[source];
  found.add(
    (variable, tensor) => {
      tensors[`${name}/${variable}`] = tensor;
    },
    units,
    network,
  );
  return { source, tensors, input: found.input(network) };
}
