import { distance, type Measurement } from './measurement.js';
import type { RecordedTensor } from './oracle.js';
import type { Checks } from './verification.js';

/** How often, at most, everything is run again to see what rounding does. */
const draws = 32;
/** So many times that, an error so many times what is accepted is none that rounding could explain. */
const hopeless = { draws: 8, factor: 10 };

/** A tensor to compare, and how far off it may be. */
export interface Expectation {
  readonly recorded: RecordedTensor;
  readonly tolerance: number;
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
 * epsilon (see `nudge`), in the same way each time the command runs. The largest movement that this makes of the tensor, or of
 * a gradient above it, is its `rounding`, and its error may be the tolerance and twice that. It is run again until nothing is
 * beyond, at most 32 times: TensorFlow's own rounding is one draw for each of some hundred tensors, so that one of them may well
 * be larger than the largest of a few. After 8 times it is not run again where something is beyond by a factor of 10.
 * @param expectations by the names under which they are reported
 * @param gradients the names of the gradients among them and others, from the network's input up
 * @param run measures what is wanted; `draw` says which of the random movements the variables start with, if any
 */
export async function compareAll(
  expectations: ReadonlyMap<string, Expectation>,
  gradients: readonly string[],
  checks: Checks,
  run: (wanted: ReadonlyMap<string, Expectation>, draw?: number) => Promise<ReadonlyMap<string, Measurement>>,
): Promise<void> {
  const measured = await run(expectations);
  for (const [name, { recorded, tolerance }] of expectations)
    checks.compare(name, recorded, measured.get(name)!, tolerance);
  const beyond = new Set([...expectations.keys()].filter((name) => checks.fails(name)));
  const known = gradients.filter((name) => expectations.has(name));
  const rerun = new Map([...expectations].filter(([name]) => beyond.has(name) || known.includes(name)));
  for (let draw = 1; draw <= draws && [...beyond].some((name) => checks.fails(name)); draw++) {
    if (draw > hopeless.draws && [...beyond].some((name) => checks.fails(name, hopeless.factor))) break;
    const moved = await run(rerun, draw);
    const movement = (name: string) => distance(moved.get(name)!, measured.get(name)!, rerun.get(name)!.recorded);
    for (const name of beyond) if (!known.includes(name)) checks.addRounding(name, movement(name));
    // From the output down: a jump in one layer moves the gradients of all layers below it.
    let largest = 0;
    for (const name of known.toReversed()) {
      largest = Math.max(largest, movement(name));
      if (beyond.has(name)) checks.addRounding(name, largest);
    }
  }
}
