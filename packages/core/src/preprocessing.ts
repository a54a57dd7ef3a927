import type { Image, MaskedImage } from './dataset.js';

/** A source of random numbers; the same seed gives the same numbers on every machine. */
export interface Random {
  /** In [0, 1). */
  uniform(): number;
  /** A whole number from 0 to below `limit`. */
  below(limit: number): number;
}

/** One thing that is done to an image as a whole, for programs that prepare images themselves. Sizes are in pixels. */
export type PreprocessingStep =
  /** Without keeping the ratio of its sides. */
  | { readonly step: 'resize'; readonly height: number; readonly width: number }
  /** Keeping it. */
  | { readonly step: 'resizeSmallerSide'; readonly to: number }
  | { readonly step: 'cropCentre'; readonly height: number; readonly width: number }
  /** So much of either side is kept. */
  | { readonly step: 'cropCentralShare'; readonly share: number };

/**
 * How an image becomes what the network sees. Means and scales are not its business: they are part of the graph. The values
 * of an image are `size * size * 3` from 0 to 255, row by row, RGB.
 */
export interface Preprocessing<P extends Image = Image, V = Float32Array> {
  readonly name: string;
  /**
   * URL of a module that exports it, under any name; mostly `import.meta.url`. Worker threads import it from there. A
   * preprocessing without one runs on the thread that it was made on.
   */
  readonly module?: string;
  /** An image for training, drawn with `random`. */
  train(image: P, size: number, random: Random): V;
  /** The same for evaluation, without chance. */
  evaluate(image: P, size: number): V;
  /** What `evaluate` does, for exported files to tell. Resizing is bilinear, without averaging, from the top left pixel on. */
  describe?(size: number): readonly PreprocessingStep[];
}

/** An image and its mask as a network for segmentation sees them, pixel on pixel. */
export interface MaskedValues {
  readonly values: Float32Array;
  /** `size * size` bytes. What lies outside of the image is `voidLabel`. */
  readonly mask: Uint8Array;
}

/** How an image and its mask become what the network sees: by the same draw, so that they stay one on the other. */
export type MaskPreprocessing = Preprocessing<MaskedImage, MaskedValues>;
