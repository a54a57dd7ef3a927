import type { BatchNormOptions, GraphBuilder, Initializer, PaddingRule, PairOption, Value } from '@graftjs/core';

/** A convolution with batch normalization, by Slim's name. */
export interface Convolution {
  readonly name: string;
  readonly channels: number;
  readonly kernel: PairOption;
  /** Default 1. */
  readonly strides?: number;
  /** Default `SAME`. */
  readonly padding?: PaddingRule;
  /** Of the normal distribution that its weights start with. Default: He's. */
  readonly deviation?: number;
  /** Makes it a separable one, whose first part makes so many channels of each, with biases and without normalization. */
  readonly multiplier?: number;
}

export interface Pooling {
  readonly name: string;
  /** `counting` takes the mean with the zeros that lie around the image. */
  readonly pool: 'max' | 'average' | 'counting';
  readonly kernel: number;
  /** Default 1. */
  readonly strides?: number;
  /** Default `SAME`. */
  readonly padding?: PaddingRule;
}

export type Layer = Convolution | Pooling;

/** Layers one after the other; several convolutions of the same value, side by side, in a list of their own. */
export type Branch = readonly (Layer | readonly Convolution[])[];

/** Branches side by side. */
export interface Mixed {
  readonly name: string;
  readonly branches: readonly Branch[];
}

/** The arguments of a layer beyond the usual ones. */
type Options<L extends Layer> = Omit<L, 'name' | 'channels' | 'kernel' | 'pool'>;

export const conv = (
  name: string,
  channels: number,
  kernel: PairOption,
  options: Options<Convolution> = {},
): Convolution => ({ name, channels, kernel, ...options });

export const maxPool = (name: string, kernel: number, options: Options<Pooling> = {}): Pooling => ({
  name,
  pool: 'max',
  kernel,
  ...options,
});

export const averagePool = (name: string, kernel: number, options: Options<Pooling> = {}): Pooling => ({
  name,
  pool: 'average',
  kernel,
  ...options,
});

/** What holds for all layers of a network. */
export interface Scaling {
  /** Channels of a layer at the network's width. */
  readonly scaled: (channels: number) => number;
  readonly batchNorm: BatchNormOptions;
}

const he: Initializer = { kind: 'he-normal' };

function addConvolution(graph: GraphBuilder, x: Value, layer: Convolution, { scaled, batchNorm }: Scaling): Value {
  const { deviation, multiplier, ...options } = layer;
  const channels = scaled(layer.channels);
  const initializer: Initializer = deviation === undefined ? he : { kind: 'truncated-normal', deviation };
  if (multiplier === undefined) return graph.conv2d(x, { ...options, channels, initializer, batchNorm });
  return graph.separableConv2d(x, { ...options, channels, initializer, multiplier });
}

function addPooling(graph: GraphBuilder, x: Value, { pool, ...options }: Pooling): Value {
  const layer = { strides: 1, padding: 'SAME', ...options } as const;
  if (pool === 'max') return graph.maxPool(x, layer);
  if (pool === 'average') return graph.avgPool(x, layer);
  const rim = (options.kernel - 1) / 2;
  const padded = graph.pad(x, { name: `${options.name}/Pad`, padding: [rim, rim, rim, rim] });
  return graph.avgPool(padded, { ...layer, padding: 'VALID' });
}

export function addLayer(graph: GraphBuilder, x: Value, layer: Layer, scaling: Scaling): Value {
  return 'pool' in layer ? addPooling(graph, x, layer) : addConvolution(graph, x, layer, scaling);
}

/** The branches of one value, and their channels side by side. */
export function addMixed(graph: GraphBuilder, x: Value, { name, branches }: Mixed, scaling: Scaling): Value {
  const ends = branches.map((branch, index) => {
    const scope = `${name}/Branch_${index}`;
    const below = <L extends Layer>(layer: L): L => ({ ...layer, name: `${scope}/${layer.name}` });
    return branch.reduce((net: Value, step) => {
      if (!Array.isArray(step)) return addLayer(graph, net, below(step as Layer), scaling);
      const beside = (step as readonly Convolution[]).map((layer) => addConvolution(graph, net, below(layer), scaling));
      return graph.concat(beside, { name: scope });
    }, x);
  });
  return graph.concat(ends, { name });
}

/** Where a convolution is in a network. */
export interface Place {
  /** Slim's name of it, below the network's scope. */
  readonly scope: string;
  readonly layer: Convolution;
  /** Where it is in a module: in which branch, which of so many convolutions one after the other, which of those side by side. */
  readonly within?: {
    readonly module: string;
    readonly branch: number;
    readonly place: number;
    readonly count: number;
    readonly beside?: number;
  };
}

/** The convolutions of a network, in the order in which they are made. */
export function convolutionsOf(layers: readonly (Layer | Mixed)[]): Place[] {
  return layers.flatMap((layer): Place[] => {
    if (!('branches' in layer)) return 'pool' in layer ? [] : [{ scope: layer.name, layer }];
    return layer.branches.flatMap((branch, index) => {
      const steps = branch.filter((step): step is Convolution | readonly Convolution[] => !('pool' in step));
      return steps.flatMap((step, place) =>
        [step].flat().map((one, beside) => ({
          scope: `${layer.name}/Branch_${index}/${one.name}`,
          layer: one,
          within: {
            module: layer.name,
            branch: index,
            place,
            count: steps.length,
            ...(Array.isArray(step) && { beside }),
          },
        })),
      );
    });
  });
}
