import {
  type Backbone,
  type DenseLayer,
  type Graph,
  GraphBuilder,
  type Padding,
  pair,
  pick,
  type Segmenter,
  type SegmenterOptions,
  UsageError,
  type Value,
} from '@graftjs/core';
import { bothSides, levelsAt, paddedFeatures } from './padded-features.js';

/** How scores of finer features join those of coarser ones, which are enlarged twice before. */
interface Skip {
  readonly stride: number;
  /** The layer that makes scores of the finer features. */
  readonly score: string;
  /** The layer that enlarges the coarser scores. */
  readonly upscore: string;
  /** What the finer features are multiplied by where skips are scaled, as in the paper's `fcn8s-atonce`. */
  readonly scale: number;
}

const pool4: Skip = { stride: 16, score: 'score_pool4', upscore: 'upscore2', scale: 0.01 };
const pool3: Skip = { stride: 8, score: 'score_pool3', upscore: 'upscore_pool4', scale: 0.0001 };

const coarsest = 32;

interface Variant {
  /** From coarse to fine. */
  readonly skips: readonly Skip[];
  /** The layer that enlarges to the image's size. */
  readonly upscore: string;
}

const variants: Readonly<Record<string, Variant>> = {
  fcn_32s: { skips: [], upscore: 'upscore' },
  fcn_16s: { skips: [pool4], upscore: 'upscore16' },
  fcn_8s: { skips: [pool4, pool3], upscore: 'upscore8' },
};

/** By `learnedUpsampling`: whether the last layer that enlarges is trained, and the others. */
const learning = {
  none: { last: false, others: false },
  inner: { last: false, others: true },
  all: { last: true, others: true },
};

/** Of the levels that a variant reads, from fine to coarse. */
const stridesOf = ({ skips }: Variant): readonly number[] => [...skips.map(({ stride }) => stride).reverse(), coarsest];

/** The value in the middle of `[height, width]` places: cut or, with zeros, padded on both sides. */
function fitted(graph: GraphBuilder, x: Value, name: string, [height, width]: readonly number[]): Value {
  const [rows, columns] = [x.shape[0]! - height!, x.shape[1]! - width!];
  const around = (above: number, beside: number): Padding => [
    ...bothSides(Math.max(0, above)),
    ...bothSides(Math.max(0, beside)),
  ];
  const isAny = (sizes: Padding) => sizes.some((size) => size > 0);
  const [margins, padding] = [around(rows, columns), around(-rows, -columns)];
  const cropped = isAny(margins) ? graph.crop(x, { name: `${name}/crop`, margins }) : x;
  return isAny(padding) ? graph.pad(cropped, { name: `${name}/pad`, padding }) : cropped;
}

/** The backbone's dense layers as convolutions of every place. */
function addDense(
  graph: GraphBuilder,
  features: Value,
  layers: readonly DenseLayer[],
  { width = 1, denseChannels, dropout = 0.5 }: SegmenterOptions,
): Value {
  let net = features;
  for (const { name, kernel, channels } of layers) {
    const [scope, layer] = [name.slice(0, name.lastIndexOf('/')), name.slice(name.lastIndexOf('/') + 1)];
    const within = graph.within(scope);
    const own = Math.max(1, Math.round(channels * width));
    net = within.conv2d(net, { name: layer, channels: denseChannels ?? own, kernel });
    net = within.dropout(net, { name: `${layer}/dropout`, keep: 1 - dropout });
  }
  return net;
}

function checkOptions(name: string, { classes = 21, size = 1, denseChannels = 1 }: SegmenterOptions): void {
  const isCount = (value: number) => Number.isSafeInteger(value) && value > 0;
  if (!isCount(classes) || classes > 255)
    throw new UsageError('usage/classes', `${name} can have 1 to 255 classes, and ${classes} came.`);
  if (!pair(size).every(isCount))
    throw new UsageError('usage/size', `${name} takes images of whole pixels, and ${pair(size).join(' x ')} came.`);
  if (!isCount(denseChannels))
    throw new UsageError('usage/dense-channels', `Dense layers have 1 channel or more, and ${denseChannels} came.`);
}

function build(name: string, backbone: Backbone, options: SegmenterOptions): Graph {
  checkOptions(name, options);
  const variant = variants[name]!;
  const { classes = 21, width, denseChannels, learnedUpsampling = 'inner', scaledSkips = false } = options;
  const learns = pick('learned upsampling', learnedUpsampling, learning);
  const size = pair(options.size ?? backbone.defaults.size);
  const levels = levelsAt(backbone, stridesOf(variant));
  const features = paddedFeatures(backbone, size, levels, { ...(width !== undefined && { width }) });
  const endPointAt = (stride: number) => levels.find((level) => level.stride === stride)!.endPoint;
  const graph = GraphBuilder.onto(
    features,
    name,
    levels.map(({ endPoint }) => endPoint),
  );
  const { denseLayers = [] } = backbone;

  // Zeros, as in the paper: random scores would be enlarged and drown what finer features tell.
  const score = {
    channels: classes,
    kernel: 1,
    activation: 'none',
    initializer: { kind: 'constant', value: 0 },
  } as const;
  let net = addDense(graph, graph.at(endPointAt(coarsest)), denseLayers, options);
  net = graph.conv2d(net, { name: 'score_fr', ...score });
  for (const { stride, score: scoreName, upscore, scale } of variant.skips) {
    net = graph.conv2dTranspose(net, {
      name: upscore,
      channels: classes,
      kernel: 4,
      strides: 2,
      trainable: learns.others,
    });
    let finer = graph.at(endPointAt(stride));
    if (scaledSkips) {
      const mean = new Array<number>(finer.shape[2]!).fill(0);
      finer = graph.normalize(finer, { name: `${scoreName}/scale`, mean, scale });
    }
    finer = graph.conv2d(finer, { name: scoreName, ...score });
    net = graph.sum([fitted(graph, net, upscore, finer.shape), finer], { name: `${scoreName}/fuse` });
  }
  const strides = stridesOf(variant)[0]!;
  const { upscore } = variant;
  net = graph.conv2dTranspose(net, {
    name: upscore,
    channels: classes,
    kernel: 2 * strides,
    strides,
    trainable: learns.last,
  });
  net = graph.endPoint(`${name}/score`, fitted(graph, net, upscore, size));
  const layers = ['score_fr', ...variant.skips.flatMap((skip) => [skip.upscore, skip.score]), upscore];
  const built = graph.build(net, layers);
  // Narrowed, they are no longer what the backbone's checkpoints have.
  const narrowed = denseChannels === undefined ? [] : denseLayers.map((layer) => layer.name);
  return Object.freeze({ ...built, headScopes: Object.freeze([...narrowed, ...built.headScopes]) });
}

/**
 * The networks of Long, Shelhamer and Darrell, "Fully Convolutional Networks for Semantic Segmentation" (2015), on any backbone
 * with feature levels at strides of 8, 16 and 32, for images of any size.
 */
export const fcnSegmenters: readonly Segmenter[] = Object.entries(variants).map(([name, variant]) => ({
  name,
  description: `FCN with a stride of ${stridesOf(variant)[0]} (Long, Shelhamer and Darrell, 2015)`,
  backbone: 'vgg_16',
  strides: stridesOf(variant),
  build: (backbone, options = {}) => build(name, backbone, options),
}));
