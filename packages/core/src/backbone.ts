import type { Graph } from './graph.js';
import type { NameMap } from './name-map.js';
import type { Pair } from './ops.js';

/** What a user may ask of a network; a backbone refuses (`UsageError`) what it cannot do. */
export interface BackboneOptions {
  /** Outputs of the last layer. Default: the backbone's own. */
  readonly classes?: number;
  /** Height and width of the images in pixels. Default: the backbone's own. */
  readonly size?: number;
  /** Both, where images are no squares, in place of `size`; a backbone with `levels` knows it. */
  readonly imageSize?: Pair;
  /** Multiplies the channels of every layer but the last; each is rounded to a whole number, at least 1. Default 1. */
  readonly width?: number;
  /** One of the backbone's `heads`. Default: the first. */
  readonly head?: string;
  /** The probability that dropout drops an element, 0 (off) to below 1. Default: the network's own. */
  readonly dropout?: number;
  /**
   * How many times smaller than the image the features below the head are, where the network can keep them larger by reading
   * places that stand further apart: its weights fit as they are. Default: the network's own.
   */
  readonly outputStride?: number;
}

/** The last features of one size that a backbone makes of an image. */
export interface FeatureLevel {
  /** How many times smaller than the image they are, a power of two: 8. */
  readonly stride: number;
  /** The end point: `vgg_16/pool3`. */
  readonly endPoint: string;
}

/** A dense layer of a classifier that can be a convolution of every place as well, by the same variables. */
export interface DenseLayer {
  /** Of its end point and its variables: `vgg_16/fc6`. */
  readonly name: string;
  /** Places to a side of what it reads, at the size of the published weights. */
  readonly kernel: number;
  /** At the backbone's own width. */
  readonly channels: number;
}

/** A network that graphs are built of. A plugin registers one or several under `BACKBONE`. */
export interface Backbone {
  /** As TF-Slim names it: `vgg_16`. */
  readonly name: string;
  /** One line for people, with the paper. */
  readonly description: string;
  /** What its published weights were trained with. */
  readonly defaults: { readonly classes: number; readonly size: number };
  /** The heads that it can have, its own first. */
  readonly heads: readonly string[];
  /** The preprocessing of its published weights by name: `vgg` or `inception`. */
  readonly preprocessing: string;
  /** What other frameworks call its variables; absent or empty where it has no counterpart elsewhere. */
  readonly nameMaps?: readonly NameMap[];
  /**
   * What other heads than its own, such as a segmenter's, go on from: features from fine to coarse, each stride twice the one
   * before. Absent where it has none for them.
   */
  readonly levels?: readonly FeatureLevel[];
  /** Layers of its classifier, without the last one, that such a head may have above the coarsest level. Default: none. */
  readonly denseLayers?: readonly DenseLayer[];
  /** The same options give the same graph. */
  build(options?: BackboneOptions): Graph;
}
