import type { Picture } from './dataset.js';

/** A source of random numbers; the same seed gives the same numbers on every machine. */
export interface Random {
  /** In [0, 1). */
  uniform(): number;
  /** A whole number from 0 to below `limit`. */
  below(limit: number): number;
}

/** How a picture becomes what the network sees. Means and scales are not its business: they are part of the graph. */
export interface Preprocessing {
  readonly name: string;
  /**
   * URL of a module that exports it, under any name; mostly `import.meta.url`. Worker threads import it from there. A
   * preprocessing without one runs on the thread that it was made on.
   */
  readonly module?: string;
  /**
   * A picture for training, drawn with `random`.
   * @returns `size * size * 3` values from 0 to 255, row by row, RGB
   */
  train(picture: Picture, size: number, random: Random): Float32Array;
  /** The same for evaluation, without chance. */
  evaluate(picture: Picture, size: number): Float32Array;
}
