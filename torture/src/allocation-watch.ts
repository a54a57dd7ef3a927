const kinds = [
  'ArrayBuffer',
  'Uint8Array',
  'Float32Array',
  'Uint32Array',
  'Int32Array',
  'Float64Array',
  'Array',
] as const;

/** Counts the elements of arrays that are made by their length, `new Uint8Array(n)`, anywhere in this process while it is on. */
export class AllocationWatch {
  /** Since the last `take`. */
  #elements = 0;
  readonly #originals = new Map<string, unknown>();

  start(): void {
    const globals = globalThis as unknown as Record<string, new (...args: unknown[]) => object>;
    for (const kind of kinds) {
      const original = globals[kind]!;
      this.#originals.set(kind, original);
      const watched: typeof original = new Proxy(original, {
        construct: (target, args, newTarget) => {
          const [length] = args;
          if (typeof length === 'number') this.#elements += length;
          return Reflect.construct(target, args, newTarget === watched ? target : newTarget) as object;
        },
      });
      globals[kind] = watched;
    }
  }

  stop(): void {
    for (const [kind, original] of this.#originals) (globalThis as Record<string, unknown>)[kind] = original;
  }

  /** The elements since the last time; counts from 0 again. */
  take(): number {
    const elements = this.#elements;
    this.#elements = 0;
    return elements;
  }
}
