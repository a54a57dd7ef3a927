import { GraftError } from '../errors.js';

/**
 * One case of a contract suite. Any test runner runs it:
 * `for (const { name, run } of backboneContract(mine)) it(name, run);`
 */
export interface ContractCase {
  readonly name: string;
  /** Rejects with what is wrong. */
  run(): Promise<void>;
}

/** Throws with `message` unless `condition`. */
export function check(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

/** Throws unless both are as long and no element differs by more than `tolerance` times the expected values' RMS. */
export function checkClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what: string,
): void {
  check(actual.length === expected.length, `${what}: ${expected.length} values expected, ${actual.length} came.`);
  let squares = 0;
  for (let i = 0; i < expected.length; i++) squares += expected[i]! ** 2;
  const scale = Math.sqrt(squares / Math.max(expected.length, 1)) || 1;
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(actual[i]! - expected[i]!) / scale;
    // Not `check`, which would have the message made for every element. NaN is an error too.
    if (!(error <= tolerance)) {
      throw new Error(`${what}: element ${i} is ${actual[i]}, expected ${expected[i]} (off by ${error} of the scale).`);
    }
  }
}

/** Throws unless `act` fails with a Graft error whose code begins with `code`. */
export async function checkFails(act: () => unknown, code: string, what: string): Promise<void> {
  try {
    await act();
  } catch (error) {
    check(GraftError.isInstance(error), `${what}: a GraftError is expected, and ${error} came.`);
    check(error.code.startsWith(code), `${what}: the code ${code} is expected, and ${error.code} came.`);
    return;
  }
  throw new Error(`${what}: nothing was thrown.`);
}
