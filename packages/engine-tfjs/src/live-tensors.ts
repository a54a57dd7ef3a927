import type { Tensor } from './tfjs.js';

/** The tensors of a run by name. Each is let go after its last use, since TensorFlow.js frees nothing by itself. */
export class LiveTensors {
  readonly #left: Map<string, number>;
  readonly #tensors = new Map<string, Tensor>();

  /** @param uses how often each will be used */
  constructor(uses: ReadonlyMap<string, number>) {
    this.#left = new Map(uses);
  }

  /** Hands a tensor over; one that nobody will use is let go at once. */
  set(name: string, tensor: Tensor): void {
    if (this.#left.has(name)) this.#tensors.set(name, tensor);
    else tensor.dispose();
  }

  get(name: string): Tensor {
    return this.#tensors.get(name)!;
  }

  /** Ends one of the uses. */
  release(name: string): void {
    const left = this.#left.get(name)! - 1;
    this.#left.set(name, left);
    if (left > 0) return;
    this.#tensors.get(name)!.dispose();
    this.#tensors.delete(name);
  }

  /** Lets go of what is left. */
  dispose(): void {
    for (const tensor of this.#tensors.values()) tensor.dispose();
    this.#tensors.clear();
  }
}
