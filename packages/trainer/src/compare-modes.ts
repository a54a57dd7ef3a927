/** The loss of the same images, with the same weights, in the two ways that a network with batch normalization can run. */
export interface ModeComparison {
  /** Where it normalizes by the batch, and drops, as in training: softmax cross-entropy, the mean over the images. */
  readonly trainingLoss: number;
  /** Where it normalizes by its moving averages, as in use. */
  readonly inferenceLoss: number;
  /** Whether the latter is so much larger that the moving averages are not good for these weights. */
  readonly part: boolean;
}

/** A loss in use may be so much larger, relative to that in training, ... */
const relative = 0.5;
/** ... and so much, in nats: the right class may have 1 - exp(-0.1), 10 % less of its probability. */
const absolute = 0.1;
/** So many standard errors of the mean difference are put down to the choice of images. */
const errors = 2;

/** Softmax cross-entropy of one example. */
export function crossEntropy(logits: Float32Array, label: number): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (const logit of logits) if (logit > largest) largest = logit;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - largest);
  return Math.log(sum) + largest - logits[label]!;
}

/**
 * Compares the two modes image by image. They part where the loss in use is larger than that in training by more than
 * half of it and by more than 0.1, and the mean difference is more than two of its standard errors, so that it is
 * neither small nor by chance. The other way round is no reason to worry: dropout makes the loss in training larger.
 */
export class ModeComparer {
  readonly #classes: number;
  readonly #training: number[] = [];
  readonly #inference: number[] = [];

  constructor(classes: number) {
    this.#classes = classes;
  }

  /** @param training logits of the images of these labels in training; `inference` those in use */
  add(training: Float32Array, inference: Float32Array, labels: Int32Array): void {
    const row = (logits: Float32Array, index: number) =>
      logits.subarray(index * this.#classes, (index + 1) * this.#classes);
    for (const [index, label] of labels.entries()) {
      this.addLosses(crossEntropy(row(training, index), label), crossEntropy(row(inference, index), label));
    }
  }

  /** The same of one image whose losses are known. */
  addLosses(training: number, inference: number): void {
    this.#training.push(training);
    this.#inference.push(inference);
  }

  /** Of what was added, which must be something. */
  result(): ModeComparison {
    const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const [trainingLoss, inferenceLoss] = [mean(this.#training), mean(this.#inference)];
    const difference = inferenceLoss - trainingLoss;
    const squares = this.#inference.map((loss, index) => (loss - this.#training[index]! - difference) ** 2);
    const error = Math.sqrt(mean(squares) / Math.max(1, squares.length - 1));
    const isLarge = difference > absolute && difference > relative * trainingLoss;
    return { trainingLoss, inferenceLoss, part: isLarge && difference > errors * error };
  }
}
