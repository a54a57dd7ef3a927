import { DataError, RunError, voidLabel } from '@graftjs/core';

/**
 * How well masks are predicted, over all pixels that are not void. Shares are 0 to 1; one whose denominator is empty is null
 * and counts in no mean.
 */
export interface MaskScores {
  /** Images. */
  readonly count: number;
  /** Pixels that are not void. */
  readonly pixels: number;
  /** The share of them whose class is right. */
  readonly pixelAccuracy: number | null;
  /** The mean over the classes of the share of a class's pixels that is right. */
  readonly meanAccuracy: number | null;
  /** The mean of `iou`. */
  readonly meanIou: number | null;
  /** The mean of `iou` where each class counts by its share of the pixels. */
  readonly frequencyWeightedIou: number | null;
}

/** Scores, and what they are of each class. */
export interface SegmentationScores extends MaskScores {
  /**
   * Intersection over union of each class: pixels that are of it and predicted as it / pixels that are either. Null for a class
   * that is neither in the truth nor predicted, 0 for one that is only predicted.
   */
  readonly iou: readonly (number | null)[];
  /** For each class its pixels and the share of them that is right, null where it has none. */
  readonly perClass: readonly { readonly name: string; readonly pixels: number; readonly accuracy: number | null }[];
  /** `confusion[truth][prediction]`: numbers of pixels. */
  readonly confusion: readonly (readonly number[])[];
}

const share = (part: number, whole: number): number | null => (whole > 0 ? part / whole : null);

function mean(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length > 0 ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
}

/**
 * Adds up image by image the scores of FCN (Long, Shelhamer and Darrell, arXiv:1411.4038, section 5), as Berkeley's
 * evaluation has them: over the pixels of all images together, not averaged over images. Memory does not grow with these.
 */
export class SegmentationMetrics {
  readonly #classes: readonly string[];
  /** `[truth][prediction]`, whole numbers up to 2^53. */
  readonly #confusion: Float64Array;
  #count = 0;

  constructor(classes: readonly string[]) {
    this.#classes = classes;
    this.#confusion = new Float64Array(classes.length ** 2);
  }

  /**
   * @param truth the label of each pixel, `voidLabel` among them
   * @param prediction the class of each pixel; of what is void it does not matter
   * @throws DataError `data/label`, `data/mask-size`; RunError `run/prediction` for a prediction that is no class; of such a
   * image nothing counts
   */
  add(truth: Uint8Array, prediction: Uint8Array): void {
    if (truth.length !== prediction.length) {
      throw new DataError(
        'data/mask-size',
        `A mask of ${truth.length} pixels cannot be compared with a prediction of ${prediction.length}.`,
        { details: { truth: truth.length, prediction: prediction.length } },
      );
    }
    const classes = this.#classes.length;
    const confusion = this.#confusion;
    const before = confusion.slice();
    for (let i = 0; i < truth.length; i++) {
      const label = truth[i]!;
      if (label === voidLabel) continue;
      const predicted = prediction[i]!;
      if (label >= classes || predicted >= classes) {
        confusion.set(before);
        throw this.#noClass(label, predicted);
      }
      confusion[label * classes + predicted]!++;
    }
    this.#count++;
  }

  #noClass(label: number, predicted: number): DataError | RunError {
    const classes = this.#classes.length;
    const accepted = `accepted are 0 to ${classes - 1}, one for each class`;
    const details = { details: { image: this.#count, label, predicted, classes } };
    return label >= classes
      ? new DataError('data/label', `The mask of image ${this.#count} has the label ${label}; ${accepted}.`, details)
      : new RunError('run/prediction', `For image ${this.#count} came class ${predicted}; ${accepted}.`, details);
  }

  /** Of what was added so far. */
  result(): SegmentationScores {
    const classes = this.#classes.length;
    const confusion = this.#classes.map((_, row) => [...this.#confusion.subarray(row * classes, (row + 1) * classes)]);
    const own = confusion.map((row) => row.reduce((sum, pixels) => sum + pixels, 0));
    const predicted = this.#classes.map((_, column) => confusion.reduce((sum, row) => sum + row[column]!, 0));
    const right = confusion.map((row, index) => row[index]!);
    const pixels = own.reduce((sum, each) => sum + each, 0);
    const iou = right.map((each, index) => share(each, own[index]! + predicted[index]! - each));
    const accuracy = right.map((each, index) => share(each, own[index]!));
    return {
      count: this.#count,
      pixels,
      pixelAccuracy: share(
        right.reduce((sum, each) => sum + each, 0),
        pixels,
      ),
      meanAccuracy: mean(accuracy),
      meanIou: mean(iou),
      frequencyWeightedIou: share(
        own.reduce((sum, each, index) => sum + each * (iou[index] ?? 0), 0),
        pixels,
      ),
      iou,
      perClass: this.#classes.map((name, index) => ({ name, pixels: own[index]!, accuracy: accuracy[index]! })),
      confusion,
    };
  }
}
