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
}

/** What another framework feeds its network of a picture. */
export interface ForeignInput {
  /** The order of the channels. */
  readonly channels: 'RGB' | 'BGR';
  /** Subtracted from red, green and blue, on the scale 0 to 255. */
  readonly mean: readonly [number, number, number];
  /** What red, green and blue are divided by then, on the same scale. */
  readonly deviation: readonly [number, number, number];
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
  /**
   * What the source's network is fed, where that is not what this one's is. The first convolution takes up the difference:
   * order and scale of the channels into its weights, the mean into its biases. That is exact wherever the kernel is all
   * on the picture. What it finds outside is 0 here and there, and that stands for either mean: where it reaches over the
   * edge, its result is off by what it would make of the means' difference in those places.
   */
  readonly input?: ForeignInput & {
    /** The first convolution's variables. */
    readonly weights: string;
    readonly biases: string;
  };
}
