import { EngineError } from '@graftjs/core';

/** The arrays that tensors are made of. */
export type TensorArray = Float32Array | Uint8Array | Int32Array;

/**
 * An array that this thread and the runtime's use in turn: while the runtime has it, it is not here, and nothing is ever
 * copied between the two.
 */
export class Block<A extends TensorArray = TensorArray> {
  #array: A | undefined;

  constructor(array: A) {
    this.#array = array;
  }

  /** What is in it; an error while the runtime has it. */
  get array(): A {
    if (this.#array) return this.#array;
    throw new EngineError(
      'engine/busy',
      'The session is at work, and its variables cannot be read or written. Wait for the step or prediction to end first.',
    );
  }

  /** Takes the array out, for the runtime. */
  lend(): A {
    const { array } = this;
    this.#array = undefined;
    return array;
  }

  giveBack(array: A): void {
    this.#array = array;
  }
}

/** Part of a block as a tensor: the elements from `from` on, as many as `dims` make. */
export interface TensorView {
  readonly block: Block;
  readonly from: number;
  readonly dims: readonly number[];
}
