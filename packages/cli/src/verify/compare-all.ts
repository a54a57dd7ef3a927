import { type Distance, distance, largerOf, type Measurement } from './measurement.js';
import type { Movement } from './nudge.js';
import type { RecordedTensor } from './oracle.js';
import type { Checks } from './verification.js';

/** How often, at most, everything is run again with movements of one strength to see what rounding does. */
const drawsEach = 8;
/** Most that variables are moved by, in epsilons of float32, until nothing is beyond. */
const strengths = [2, 8, 32];

/** A tensor to compare, and how far off it may be. */
export interface Expectation {
  readonly recorded: RecordedTensor;
  readonly tolerance: number;
  /** What errors are relative to. Default: the tensor's own scale. */
  readonly scale?: number;
}

/** The name under which a variable's gradient is reported. */
export const gradientName = (variable: string): string => `gradient of ${variable}`;

/** A number as a tensor of its own: its scale is its size. */
export function recordNumber(value: number): RecordedTensor {
  return { shape: [], mean: value, norm: Math.abs(value), at: [0], values: [value] };
}

/**
 * Measures what is expected and compares it.
 *
 * Where a network has rectifiers and max pooling, its gradient has jumps: a change of the weights by float32's epsilon can
 * move a gradient by more than the tolerance, and TensorFlow's own float32 is as far away from its float64. So where
 * something is beyond its tolerance, everything is run again with every variable moved at random by up to twice that
 * epsilon (see `nudge`), in the same way each time the command runs. The largest movement that this makes of the tensor's values,
 * or of those of a gradient above it, is their `rounding`, and their error may be the tolerance and twice that; likewise for the
 * mean and for the norm. It is run again until nothing is beyond, at most 8 times: TensorFlow's own rounding is one draw for each
 * of some hundred tensors, so that one of them may well be larger than the largest of a few. Then it is moved by up to 8 times
 * epsilon, and by 32 times: random movements cancel out in long sums, what rounding does to these does less so. In VGG-19's fifth stage TensorFlow 2.15 is 1.5e-6 to 2.2e-6 of the
 * scale away from float64; twice epsilon makes 0.4e-6 of that.
 * @param expectations by the names under which they are reported
 * @param gradients the names of the gradients among them and others, from the network's input up
 * @param run measures what is wanted, with variables that start with a movement, if there is one
 */
export async function compareAll(
  expectations: ReadonlyMap<string, Expectation>,
  gradients: readonly string[],
  checks: Checks,
  run: (wanted: ReadonlyMap<string, Expectation>, movement?: Movement) => Promise<ReadonlyMap<string, Measurement>>,
): Promise<void> {
  const measured = await run(expectations);
  for (const [name, { recorded, tolerance, scale }] of expectations)
    checks.compare(name, recorded, measured.get(name)!, tolerance, scale);
  const beyond = new Set([...expectations.keys()].filter((name) => checks.fails(name)));
  const known = gradients.filter((name) => expectations.has(name));
  const rerun = new Map([...expectations].filter(([name]) => beyond.has(name) || known.includes(name)));
  const movements = strengths.flatMap((limit) => Array.from({ length: drawsEach }, (_, draw) => ({ draw, limit })));
  for (const movement of movements) {
    if (![...beyond].some((name) => checks.fails(name))) break;
    const moved = await run(rerun, movement);
    const moves = (name: string) => {
      const { recorded, scale } = rerun.get(name)!;
      return distance(moved.get(name)!, measured.get(name)!, recorded, scale);
    };
    for (const name of beyond) if (!known.includes(name)) checks.addRounding(name, moves(name));
    // From the output down: a jump in one layer moves the gradients of all layers below it.
    let largest: Distance = { value: 0, mean: 0, norm: 0 };
    for (const name of known.toReversed()) {
      largest = largerOf(largest, moves(name));
      if (beyond.has(name)) checks.addRounding(name, largest);
    }
  }
}
