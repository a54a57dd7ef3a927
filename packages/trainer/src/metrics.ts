import { RunError } from '@graftjs/core';
import { firstNotFinite } from './first-not-finite.js';

/** How well a network does on a split. */
export interface Scores {
  /** Images. */
  readonly count: number;
  /** Softmax cross-entropy, the mean over the images, without weight decay. */
  readonly loss: number;
  /** The share whose class has the largest logit. */
  readonly top1: number;
  /** The share whose class is among the five largest logits: all, where there are no more classes. */
  readonly top5: number;
}

/** Scores, and where the errors are. */
export interface Evaluation extends Scores {
  /** For each class how many images it has and the share of them that is recognised (recall), null where it has none. */
  readonly perClass: readonly { readonly name: string; readonly count: number; readonly accuracy: number | null }[];
  /** `confusion[truth][prediction]`: numbers of images. */
  readonly confusion: readonly (readonly number[])[];
}

/**
 * How many classes come before `label` when logits are sorted downwards. Of equal ones the lower index comes first, as in
 * `tf.argmax` and `tf.math.top_k`, so that a network that tells nothing apart scores no better than guessing.
 */
function rankOf(logits: Float32Array, label: number): number {
  const own = logits[label]!;
  let rank = 0;
  for (let i = 0; i < logits.length; i++) if (logits[i]! > own || (logits[i] === own && i < label)) rank++;
  return rank;
}

/** Adds up batch by batch what an evaluation is made of; memory does not grow with the number of images. */
export class ClassificationMetrics {
  readonly #classes: readonly string[];
  readonly #confusion: Uint32Array;
  #count = 0;
  #loss = 0;
  #top5 = 0;

  constructor(classes: readonly string[]) {
    this.#classes = classes;
    this.#confusion = new Uint32Array(classes.length ** 2);
  }

  /**
   * @param logits `[labels.length, classes]`, row-major
   * @throws RunError `run/not-finite` where a logit is NaN or infinite
   */
  add(logits: Float32Array, labels: Int32Array): void {
    const classes = this.#classes.length;
    for (let i = 0; i < labels.length; i++) {
      this.#addOne(logits.subarray(i * classes, (i + 1) * classes), labels[i]!);
    }
  }

  #addOne(logits: Float32Array, label: number): void {
    const wrong = firstNotFinite(logits);
    if (wrong >= 0) {
      throw new RunError(
        'run/not-finite',
        `The network gives ${logits[wrong]} for class ${this.#classes[wrong]} of image ${this.#count}: its weights are ` +
          'those of a training that went wrong. Use an earlier checkpoint, or train with a lower learning rate.',
        { details: { image: this.#count, class: this.#classes[wrong] } },
      );
    }
    let largest = 0;
    for (let i = 1; i < logits.length; i++) if (logits[i]! > logits[largest]!) largest = i;
    let sum = 0;
    for (let i = 0; i < logits.length; i++) sum += Math.exp(logits[i]! - logits[largest]!);
    this.#loss += Math.log(sum) + logits[largest]! - logits[label]!;
    this.#confusion[label * logits.length + largest]!++;
    if (rankOf(logits, label) < 5) this.#top5++;
    this.#count++;
  }

  /** Of what was added so far, which must be something. */
  result(): Evaluation {
    const classes = this.#classes.length;
    const confusion = this.#classes.map((_, row) => [...this.#confusion.subarray(row * classes, (row + 1) * classes)]);
    let correct = 0;
    const perClass = this.#classes.map((name, index) => {
      const count = confusion[index]!.reduce((sum, images) => sum + images, 0);
      const right = confusion[index]![index]!;
      correct += right;
      return { name, count, accuracy: count > 0 ? right / count : null };
    });
    const count = this.#count;
    return { count, loss: this.#loss / count, top1: correct / count, top5: this.#top5 / count, perClass, confusion };
  }
}
