import { formatShape, type Shape, sameShape } from '@graftjs/core';
import { distance, type Measurement } from './measurement.js';
import type { RecordedTensor } from './oracle.js';

/** Largest errors, relative to a tensor's scale, that are accepted: a few parts come from the order of summation. */
export const tolerances = { forward: 2e-4, training: 2e-3 } as const;

/** How one tensor compares with what TensorFlow computed. */
export interface TensorCheck {
  /** `gradient of vgg_16/fc8/weights`, `vgg_16/pool5`, `loss after 1 steps`. */
  readonly tensor: string;
  /** The largest error, relative to the tensor's scale; Infinity (null in JSON) where a value is not a number. */
  readonly error: number;
  readonly tolerance: number;
  /** How far rounding alone moves the tensor, relative to its scale; only where it had to be measured. */
  readonly rounding?: number;
}

/** How all of an oracle file compares. */
export interface Verification {
  readonly ok: boolean;
  /** The check with the largest error: among those that fail, where some do. */
  readonly worst?: TensorCheck;
  readonly tensors: readonly TensorCheck[];
  /** What differs in kind and not by a figure: names, shapes, counts, classes. */
  readonly problems: readonly string[];
}

/** Whether an error is accepted: it is a number, at most the tolerance and twice what rounding does, which is one, too. */
export function passes({ error, tolerance, rounding = 0 }: TensorCheck): boolean {
  return Number.isFinite(error) && Number.isFinite(rounding) && error <= tolerance + 2 * rounding;
}

/** Gathers the checks of one file. */
export class Checks {
  readonly #tensors = new Map<string, TensorCheck>();
  readonly #problems: string[] = [];

  problem(text: string): void {
    this.#problems.push(text);
  }

  /** Whether a tensor is there and has TensorFlow's shape; if not, that is a problem. */
  fits(tensor: string, shape: Shape | undefined, expected: Shape): boolean {
    if (shape && sameShape(shape, expected)) return true;
    const found = shape ? `is ${formatShape(shape)}` : 'is missing';
    this.problem(`${tensor} ${found}; TensorFlow's is ${formatShape(expected)}.`);
    return false;
  }

  compare(tensor: string, recorded: RecordedTensor, measured: Measurement, tolerance: number): void {
    this.#tensors.set(tensor, { tensor, error: distance(measured, recorded, recorded), tolerance });
  }

  /** @param factor by which its error would have to be smaller; default 1 */
  fails(tensor: string, factor = 1): boolean {
    const check = this.#tensors.get(tensor)!;
    return !passes({ ...check, error: check.error / factor });
  }

  /** Counts how far rounding moves a tensor, relative to its scale: the largest of all movements is what it may do. */
  addRounding(tensor: string, movement: number): void {
    const check = this.#tensors.get(tensor)!;
    this.#tensors.set(tensor, { ...check, rounding: Math.max(check.rounding ?? 0, movement) });
  }

  result(): Verification {
    const tensors = [...this.#tensors.values()];
    const failed = tensors.filter((check) => !passes(check));
    const [first, ...others] = failed.length > 0 ? failed : tensors;
    const worst = first && others.reduce((worst, check) => (check.error > worst.error ? check : worst), first);
    return {
      ok: failed.length === 0 && this.#problems.length === 0,
      ...(worst && { worst }),
      tensors,
      problems: this.#problems,
    };
  }
}
