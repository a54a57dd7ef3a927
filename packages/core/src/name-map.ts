import type { Normalization } from './normalization.js';

/** Where the values of another framework's tensor belong in a variable. */
export interface ForeignTensor {
  /** What the other framework calls it. */
  readonly name: string;
  /**
   * For each axis of the tensor the axis of the variable, or, where the tensor has several as one, all of them, outermost
   * first: `[3, 2, 0, 1]` for a convolution's OIHW in HWIO, `[3, [2, 0, 1]]` for a dense layer over flattened CHW features
   * in the HWIO of the convolution that it is here. Every axis of the variable comes once.
   */
  readonly axes: readonly (number | readonly number[])[];
  /**
   * Another tensor, arranged in the same way, that is subtracted: a convolution's bias from the moving mean of the normalization
   * that follows it, where the variables here have no such bias.
   */
  readonly minus?: string;
}

/** What another framework feeds its network of an image. */
export interface ForeignInput extends Normalization {
  /** The order of the channels. The normalization is of red, green and blue all the same. */
  readonly channels: 'RGB' | 'BGR';
}

/**
 * How another framework names and arranges the variables of a network. Plain data: what is done by it, and whether a file
 * has these names, is the trainer's matter.
 */
export interface NameMap {
  /** Whose names they are, for messages: `torchvision`. */
  readonly source: string;
  /** By the variable's name: those of all heads that the source has. */
  readonly tensors: Readonly<Record<string, ForeignTensor>>;
  /** What the source's network is fed, where the graph does not leave that to its user. */
  readonly input?: ForeignInput;
}
