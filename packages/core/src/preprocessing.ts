import type { MaskedPicture, Picture } from './dataset.js';

/** A source of random numbers; the same seed gives the same numbers on every machine. */
export interface Random {
  /** In [0, 1). */
  uniform(): number;
  /** A whole number from 0 to below `limit`. */
  below(limit: number): number;
}

/** One thing that is done to a picture as a whole, for programs that prepare pictures themselves. Sizes are in pixels. */
export type PreprocessingStep =
  /** Without keeping the ratio of its sides. */
  | { readonly step: 'resize'; readonly height: number; readonly width: number }
  /** Keeping it. */
  | { readonly step: 'resizeSmallerSide'; readonly to: number }
  | { readonly step: 'cropCentre'; readonly height: number; readonly width: number }
  /** So much of either side is kept. */
  | { readonly step: 'cropCentralShare'; readonly share: number };

/**
 * How a picture becomes what the network sees. Means and scales are not its business: they are part of the graph. The values
 * of a picture are `size * size * 3` from 0 to 255, row by row, RGB.
 */
export interface Preprocessing<P extends Picture = Picture, V = Float32Array> {
  readonly name: string;
  /**
   * URL of a module that exports it, under any name; mostly `import.meta.url`. Worker threads import it from there. A
   * preprocessing without one runs on the thread that it was made on.
   */
  readonly module?: string;
  /** A picture for training, drawn with `random`. */
  train(picture: P, size: number, random: Random): V;
  /** The same for evaluation, without chance. */
  evaluate(picture: P, size: number): V;
  /** What `evaluate` does, for exported files to tell. Resizing is bilinear, without averaging, from the top left pixel on. */
  describe?(size: number): readonly PreprocessingStep[];
}

/** A picture and its mask as a network for segmentation sees them, pixel on pixel. */
export interface MaskedValues {
  readonly values: Float32Array;
  /** `size * size` bytes. What lies outside of the picture is `voidLabel`. */
  readonly mask: Uint8Array;
}

/** How a picture and its mask become what the network sees: by the same draw, so that they stay one on the other. */
export type MaskPreprocessing = Preprocessing<MaskedPicture, MaskedValues>;
