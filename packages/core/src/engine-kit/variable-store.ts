import { elementCount, formatShape, type Shape } from '../dtype.js';
import { EngineError } from '../errors.js';
import type { Graph } from '../graph.js';
import type { Optimizer } from '../optimizer.js';

/** Where the values of a variable are. An engine may have a class of its own for it, and lend the array out while it runs. */
export interface ValueHolder {
  /** @throws EngineError `engine/busy` while it is lent out */
  readonly array: Float32Array;
}

/** The order in which an engine keeps the elements of variables. */
export interface VariableLayout {
  /** True where it is another one than TF-Slim's. */
  isTurned(variable: string): boolean;
  /** Copies values from TF-Slim's layout into the engine's; both arrays have the variable's length. */
  toEngine(variable: string, from: Float32Array, to: Float32Array): void;
  /** Copies values from the engine's layout into TF-Slim's. */
  fromEngine(variable: string, from: Float32Array, to: Float32Array): void;
}

/** TF-Slim's own. */
export const slimLayout: VariableLayout = {
  isTurned: () => false,
  toEngine: (_, from, to) => to.set(from),
  fromEngine: (_, from, to) => to.set(from),
};

/** Variables and slots in an engine's memory and layout. */
export class VariableStore<H extends ValueHolder = ValueHolder> {
  readonly #layout: VariableLayout;
  readonly #hold: (array: Float32Array) => H;
  readonly #shapes = new Map<string, Shape>();
  readonly #holders = new Map<string, H>();
  readonly #versions = new Map<string, number>();
  /** A slot's variable: it has that one's layout. */
  readonly #owners = new Map<string, string>();

  /** @param hold makes what has an array: `(array) => ({ array })` */
  constructor(graph: Graph, layout: VariableLayout, hold: (array: Float32Array) => H) {
    this.#layout = layout;
    this.#hold = hold;
    for (const { name, shape } of graph.variables) this.#declare(name, name, shape, 0);
  }

  #declare(name: string, owner: string, shape: Shape, initial: number): void {
    const array = new Float32Array(elementCount(shape));
    if (initial !== 0) array.fill(initial);
    this.#shapes.set(name, shape);
    this.#owners.set(name, owner);
    this.#holders.set(name, this.#hold(array));
  }

  /** Declares an optimizer's slots of one variable. */
  addSlots(variable: string, optimizer: Optimizer): Float32Array[] {
    return optimizer.slots.map(({ name, initial }) => {
      const slot = `${variable}/${name}`;
      this.#declare(slot, variable, this.#shapes.get(variable)!, initial);
      return this.array(slot);
    });
  }

  /** Declares an optimizer's scalars, as one array; each is a variable of one value. */
  addScalars(optimizer: Optimizer): Float32Array {
    const all = Float32Array.from(optimizer.scalars, ({ initial }) => initial);
    for (const [index, { name }] of optimizer.scalars.entries()) {
      this.#shapes.set(name, []);
      this.#holders.set(name, this.#hold(all.subarray(index, index + 1)));
    }
    return all;
  }

  /** Room for the gradient of a variable, of zeros. */
  gradientOf(variable: string): H {
    return this.#hold(new Float32Array(this.array(variable).length));
  }

  /** Shapes in TF-Slim's layout. */
  get shapes(): ReadonlyMap<string, Shape> {
    return this.#shapes;
  }

  /** What has the values, as the engine has them. */
  holder(name: string): H {
    const found = this.#holders.get(name);
    if (found) return found;
    throw new EngineError('engine/no-variable', `There is no variable or slot '${name}' in this session.`, {
      details: { name, known: [...this.#holders.keys()] },
    });
  }

  /** The values as the engine has them; changing them changes the variable. */
  array(name: string): Float32Array {
    return this.holder(name).array;
  }

  /** A number that is another one once the values are others. */
  version(name: string): number {
    return this.#versions.get(name) ?? 0;
  }

  /** Says that the values of a variable have changed. */
  changed(name: string): void {
    this.#versions.set(name, this.version(name) + 1);
  }

  write(name: string, values: Float32Array): void {
    const array = this.array(name);
    this.#check(name, values.length);
    this.changed(name);
    this.#layout.toEngine(this.#owners.get(name) ?? name, values, array);
  }

  async fill(name: string, load: (into: Float32Array) => Promise<void>): Promise<void> {
    const owner = this.#owners.get(name) ?? name;
    const array = this.array(name);
    this.changed(name);
    if (!this.#layout.isTurned(owner)) return load(array);
    const values = new Float32Array(array.length);
    await load(values);
    this.#layout.toEngine(owner, values, array);
  }

  read(name: string, into: Float32Array = new Float32Array(this.array(name).length)): Float32Array {
    this.#check(name, into.length);
    return this.toSlim(name, this.array(name), into);
  }

  /** Copies an array that has a variable's layout into TF-Slim's. */
  toSlim(name: string, from: Float32Array, into: Float32Array): Float32Array {
    this.#layout.fromEngine(this.#owners.get(name) ?? name, from, into);
    return into;
  }

  /** Lets go of all values. */
  clear(): void {
    this.#holders.clear();
  }

  #check(name: string, length: number): void {
    const shape = this.#shapes.get(name)!;
    if (length === elementCount(shape)) return;
    throw new EngineError(
      'engine/length',
      `${name} is ${formatShape(shape)}, ${elementCount(shape)} values, and ${length} came.`,
    );
  }
}
