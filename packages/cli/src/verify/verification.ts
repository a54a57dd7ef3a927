import { formatShape, type Shape, sameShape } from '@graftjs/core';
import { type Distance, distance, largerOf, type Measurement } from './measurement.js';
import type { RecordedTensor } from './oracle.js';

/** Largest errors, relative to a tensor's scale, that are accepted: a few parts come from the order of summation. */
export const tolerances = { forward: 2e-4, training: 2e-3 } as const;

/** How one tensor compares with what TensorFlow computed. */
export interface TensorCheck {
  /** `gradient of vgg_16/fc8/weights`, `vgg_16/pool5`, `loss after 1 steps`. */
  readonly tensor: string;
  /**
   * The largest error of a value, the mean or the norm, among those that are not accepted where some are not, relative to the
   * tensor's scale; Infinity (null in JSON) where a value is not a number.
   */
  readonly error: number;
  readonly tolerance: number;
  /** How far rounding alone moves the same, relative to the scale; only where it had to be measured. */
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

/** A check with all that goes into it. */
interface Compared {
  readonly error: Distance;
  readonly tolerance: number;
  readonly rounding?: Distance;
}

const parts = ['value', 'mean', 'norm'] as const;

/** The check with the largest error: among those that fail, where some do. */
function worstOf(checks: readonly TensorCheck[]): TensorCheck | undefined {
  const failed = checks.filter((check) => !passes(check));
  const [first, ...others] = failed.length > 0 ? failed : checks;
  return first && others.reduce((worst, check) => (check.error > worst.error ? check : worst), first);
}

/** Gathers the checks of one file. */
export class Checks {
  readonly #compared = new Map<string, Compared>();
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

  /** @param scale what errors are relative to; default: the recorded tensor's */
  compare(tensor: string, recorded: RecordedTensor, measured: Measurement, tolerance: number, scale?: number): void {
    this.#compared.set(tensor, { error: distance(measured, recorded, recorded, scale), tolerance });
  }

  #check(tensor: string): TensorCheck {
    const { error, tolerance, rounding } = this.#compared.get(tensor)!;
    const checks = parts.map((part) => {
      return { tensor, error: error[part], tolerance, ...(rounding && { rounding: rounding[part] }) };
    });
    return worstOf(checks)!;
  }

  fails(tensor: string): boolean {
    return !passes(this.#check(tensor));
  }

  /** Counts how far rounding moves a tensor: the largest of all movements is what it may do. */
  addRounding(tensor: string, movement: Distance): void {
    const compared = this.#compared.get(tensor)!;
    const rounding = compared.rounding ? largerOf(compared.rounding, movement) : movement;
    this.#compared.set(tensor, { ...compared, rounding });
  }

  result(): Verification {
    const tensors = [...this.#compared.keys()].map((tensor) => this.#check(tensor));
    const worst = worstOf(tensors);
    return {
      ok: tensors.every(passes) && this.#problems.length === 0,
      ...(worst && { worst }),
      tensors,
      problems: this.#problems,
    };
  }
}
