import type { VariableStore } from '@graftjs/core/engine-kit';
import type { Tensor, Tfjs } from './tfjs.js';

/** The tensors of variables, made when they are first used and again when their values have changed. */
export class VariableTensors {
  readonly #tf: Tfjs;
  readonly #store: VariableStore;
  readonly #all = new Map<string, { readonly version: number; readonly tensor: Tensor }>();

  constructor(tf: Tfjs, store: VariableStore) {
    this.#tf = tf;
    this.#store = store;
  }

  get(name: string): Tensor {
    const version = this.#store.version(name);
    const known = this.#all.get(name);
    if (known?.version === version) return known.tensor;
    known?.tensor.dispose();
    // It outlives the `tf.tidy` that asks for it.
    const tensor = this.#tf.keep(this.#tf.tensor(this.#store.array(name), [...this.#store.shapes.get(name)!]));
    this.#all.set(name, { version, tensor });
    return tensor;
  }

  dispose(): void {
    for (const { tensor } of this.#all.values()) tensor.dispose();
    this.#all.clear();
  }
}
