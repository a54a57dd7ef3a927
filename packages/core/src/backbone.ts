import type { Graph } from './graph.js';
import type { NameMap } from './name-map.js';

/** What a user may ask of a network; a backbone refuses (`UsageError`) what it cannot do. */
export interface BackboneOptions {
  /** Outputs of the last layer. Default: the backbone's own. */
  readonly classes?: number;
  /** Height and width of the pictures in pixels. Default: the backbone's own. */
  readonly size?: number;
  /** Multiplies the channels of every layer but the last; each is rounded to a whole number, at least 1. Default 1. */
  readonly width?: number;
  /** One of the backbone's `heads`. Default: the first. */
  readonly head?: string;
  /** The probability that dropout drops an element, 0 (off) to below 1. Default: the network's own. */
  readonly dropout?: number;
  /**
   * How many times smaller than the picture the features below the head are, where the network can keep them larger by reading
   * places that stand further apart: its weights fit as they are. Default: the network's own.
   */
  readonly outputStride?: number;
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
  /** The same options give the same graph. */
  build(options?: BackboneOptions): Graph;
}
