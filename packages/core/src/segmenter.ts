import type { Backbone } from './backbone.js';
import type { Graph } from './graph.js';
import type { PairOption } from './padding.js';

/** Which of a segmenter's layers that enlarge scores are trained; the others stay as they start. */
export type LearnedUpsampling = 'none' | 'inner' | 'all';

/** What a user may ask of a segmentation network; a segmenter refuses (`UsageError`) what it cannot do. */
export interface SegmenterOptions {
  /** Default 21: those of PASCAL VOC. */
  readonly classes?: number;
  /** Height and width of the images in pixels, one number for squares; any. Default: the backbone's own. */
  readonly size?: PairOption;
  /** Of the backbone; see `BackboneOptions`. Default 1. */
  readonly width?: number;
  /** Channels of the backbone's dense layers, where it has some. Default: as many as a checkpoint of it has. */
  readonly denseChannels?: number;
  /** The probability that dropout drops an element of these, 0 (off) to below 1. Default 0.5. */
  readonly dropout?: number;
  /** Which layers that enlarge scores are trained: none, all, or all but the last. Default `inner`. */
  readonly learnedUpsampling?: LearnedUpsampling;
  /** Whether finer features are made smaller by fixed factors before they join in. Default false. */
  readonly scaledSkips?: boolean;
}

/**
 * A network that tells the class of each pixel: a head on any backbone that names its feature levels. Its graphs give logits
 * `[height, width, classes]` at the images' own size. A plugin registers one or several under `SEGMENTER`.
 */
export interface Segmenter {
  /** Also the scope of its own layers: `fcn_8s`. */
  readonly name: string;
  /** One line for people, with the paper. */
  readonly description: string;
  /** What it is built on where nothing else is said, by name: `vgg_16`. */
  readonly backbone: string;
  /** Of the feature levels that it reads, from fine to coarse: `[8, 16, 32]`. */
  readonly strides: readonly number[];
  /** The same options give the same graph. */
  build(backbone: Backbone, options?: SegmenterOptions): Graph;
}
