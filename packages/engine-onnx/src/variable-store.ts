import { EngineError, elementCount, formatShape, type Graph, type Optimizer, type Shape } from '@graftjs/core';
import type { Layouts } from './layouts.js';

/** Variables and slots in the engine's memory and layouts. */
export class VariableStore {
  readonly #layouts: Layouts;
  readonly #shapes = new Map<string, Shape>();
  readonly #arrays = new Map<string, Float32Array>();
  /** A slot's variable: it has that one's layout. */
  readonly #owners = new Map<string, string>();

  constructor(graph: Graph, layouts: Layouts) {
    this.#layouts = layouts;
    for (const { name, shape } of graph.variables) this.#declare(name, name, shape, 0);
  }

  #declare(name: string, owner: string, shape: Shape, initial: number): void {
    const array = new Float32Array(elementCount(shape));
    if (initial !== 0) array.fill(initial);
    this.#shapes.set(name, shape);
    this.#owners.set(name, owner);
    this.#arrays.set(name, array);
  }

  /** Declares an optimizer's slots of one variable. */
  addSlots(variable: string, optimizer: Optimizer): Float32Array[] {
    return optimizer.slots.map(({ name, initial }) => {
      const slot = `${variable}/${name}`;
      this.#declare(slot, variable, this.#shapes.get(variable)!, initial);
      return this.#arrays.get(slot)!;
    });
  }

  /** Declares an optimizer's scalars, as one array; each is a variable of one value. */
  addScalars(optimizer: Optimizer): Float32Array {
    const all = Float32Array.from(optimizer.scalars, ({ initial }) => initial);
    for (const [index, { name }] of optimizer.scalars.entries()) {
      this.#shapes.set(name, []);
      this.#arrays.set(name, all.subarray(index, index + 1));
    }
    return all;
  }

  /** Shapes in TF-Slim's layout. */
  get shapes(): ReadonlyMap<string, Shape> {
    return this.#shapes;
  }

  /** The values as the engine has them; changing them changes the variable. */
  array(name: string): Float32Array {
    const found = this.#arrays.get(name);
    if (found) return found;
    throw new EngineError('engine/no-variable', `There is no variable or slot '${name}' in this session.`, {
      details: { name, known: [...this.#arrays.keys()] },
    });
  }

  write(name: string, values: Float32Array): void {
    const array = this.array(name);
    this.#check(name, values.length);
    this.#layouts.toEngine(this.#owners.get(name) ?? name, values, array);
  }

  read(name: string, into: Float32Array = new Float32Array(this.array(name).length)): Float32Array {
    this.#check(name, into.length);
    return this.toSlim(name, this.array(name), into);
  }

  /** Copies an array that has a variable's layout into TF-Slim's. */
  toSlim(name: string, from: Float32Array, into: Float32Array): Float32Array {
    this.#layouts.fromEngine(this.#owners.get(name) ?? name, from, into);
    return into;
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
