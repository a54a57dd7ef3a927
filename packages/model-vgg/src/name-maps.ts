import type { ForeignInput, ForeignTensor, NameMap } from '@graftjs/core';

/** OIHW, PyTorch's, in HWIO. */
const oihw = [3, 2, 0, 1];
/** A dense layer `[out, in]` over features that were flattened as CHW. */
const outByChw = [3, [2, 0, 1]];
/** A dense layer `[in, out]` over features that were flattened as HWC. */
const hwcByOut = [[0, 1, 2], 3];
const hwio = [0, 1, 2, 3];

/** Where one of Slim's layers is found: how its two tensors are called, and how its weights lie. */
interface ForeignLayer {
  readonly weights: string;
  readonly biases: string;
  readonly axes: ForeignTensor['axes'];
}

const pytorch = (layer: string, axes: ForeignTensor['axes']): ForeignLayer => ({
  weights: `${layer}.weight`,
  biases: `${layer}.bias`,
  axes,
});
const keras = (layer: string, axes: ForeignTensor['axes'], ending: string): ForeignLayer => ({
  weights: `${layer}/kernel${ending}`,
  biases: `${layer}/bias${ending}`,
  axes,
});
/** The constants of a graph that TensorFlow has frozen are called by what reads them. */
const kerasGraph = (layer: string, axes: ForeignTensor['axes']): ForeignLayer => ({
  weights: `${layer}/${axes === hwio ? 'Conv2D' : 'MatMul'}/ReadVariableOp`,
  biases: `${layer}/BiasAdd/ReadVariableOp`,
  axes,
});

/** A framework's VGG. */
interface Source {
  readonly input: ForeignInput;
  /** What all names begin with, by Slim's name of the network. Default nothing. */
  scope?(name: string): string;
  /** @param module the layer's place among convolutions, rectifiers and poolings, each of which PyTorch numbers */
  convolution(stage: number, place: number, module: number): ForeignLayer;
  readonly dense: { readonly fc6: ForeignLayer; readonly fc7: ForeignLayer; readonly fc8: ForeignLayer };
}

/** `torchvision.transforms.Normalize` as ImageNet's weights want it, of images from 0 to 1. */
const normalized: ForeignInput = {
  channels: 'RGB',
  mean: [255 * 0.485, 255 * 0.456, 255 * 0.406],
  deviation: [255 * 0.229, 255 * 0.224, 255 * 0.225],
};

const kerasSource = (layerOf: (layer: string, axes: ForeignTensor['axes']) => ForeignLayer): Source => ({
  // `keras.applications.vgg16.preprocess_input`: as Caffe had it.
  input: { channels: 'BGR', mean: [123.68, 116.779, 103.939], deviation: [1, 1, 1] },
  convolution: (stage, place) => layerOf(`block${stage}_conv${place}`, hwio),
  dense: {
    fc6: layerOf('fc1', hwcByOut),
    fc7: layerOf('fc2', hwcByOut),
    fc8: layerOf('predictions', hwcByOut),
  },
});

const sources = {
  torchvision: {
    input: normalized,
    convolution: (_stage, _place, module) => pytorch(`features.${module}`, oihw),
    dense: {
      fc6: pytorch('classifier.0', outByChw),
      fc7: pytorch('classifier.3', outByChw),
      fc8: pytorch('classifier.6', outByChw),
    },
  },
  timm: {
    input: normalized,
    convolution: (_stage, _place, module) => pytorch(`features.${module}`, oihw),
    dense: {
      fc6: pytorch('pre_logits.fc1', oihw),
      fc7: pytorch('pre_logits.fc2', oihw),
      fc8: pytorch('head.fc', outByChw),
    },
  },
  keras: kerasSource((layer, axes) => keras(layer, axes, '')),
  'keras 2': kerasSource((layer, axes) => keras(layer, axes, ':0')),
  'keras graph': {
    ...kerasSource(kerasGraph),
    scope: (name) => `StatefulPartitionedCall/${name.replace('_', '')}/`,
  },
} satisfies Readonly<Record<string, Source>>;

/** Who else has a VGG. */
export type VggSource = keyof typeof sources;

/**
 * What a source calls the variables of a VGG: torchvision's `vgg16` and its like without batch normalization, timm's
 * of the same names, and `keras.applications` (by `variable.path` in Keras 3 and layers-models of TensorFlow.js, with `:0` in
 * Keras 2, by the constants of the frozen graph in graph-models of TensorFlow.js).
 * @param name Slim's, with which its variables begin
 * @param stages how many convolutions each stage has
 */
export function vggNameMap(source: VggSource, name: string, stages: readonly number[]): NameMap {
  const { input, scope, convolution, dense }: Source = sources[source];
  const start = scope?.(name) ?? '';
  const tensors: Record<string, ForeignTensor> = {};
  const add = (layer: string, { weights, biases, axes }: ForeignLayer) => {
    tensors[`${name}/${layer}/weights`] = { name: `${start}${weights}`, axes };
    tensors[`${name}/${layer}/biases`] = { name: `${start}${biases}`, axes: [0] };
  };
  let module = 0;
  for (const [index, convolutions] of stages.entries()) {
    const stage = index + 1;
    for (let place = 1; place <= convolutions; place++) {
      add(`conv${stage}/conv${stage}_${place}`, convolution(stage, place, module));
      module += 2; // a rectifier follows each
    }
    module += 1; // and a pooling each stage
  }
  for (const [layer, found] of Object.entries(dense)) add(layer, found);
  return { source, tensors, input };
}
