import { EngineError, elementCount, formatShape, type Graph, type Optimizer, type Shape } from '@graftjs/core';
import type { Layouts } from '@graftjs/onnx';
import { Block } from './block.js';

/** Variables and slots in the engine's memory and layouts. */
export class VariableStore {
  readonly #layouts: Layouts;
  readonly #shapes = new Map<string, Shape>();
  readonly #blocks = new Map<string, Block<Float32Array>>();
  readonly #versions = new Map<string, number>();
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
    this.#blocks.set(name, new Block(array));
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
      this.#blocks.set(name, new Block(all.subarray(index, index + 1)));
    }
    return all;
  }

  /** Shapes in TF-Slim's layout. */
  get shapes(): ReadonlyMap<string, Shape> {
    return this.#shapes;
  }

  /** Where the values are, as the engine has them. */
  block(name: string): Block<Float32Array> {
    const found = this.#blocks.get(name);
    if (found) return found;
    throw new EngineError('engine/no-variable', `There is no variable or slot '${name}' in this session.`, {
      details: { name, known: [...this.#blocks.keys()] },
    });
  }

  /** The values as the engine has them; changing them changes the variable. */
  array(name: string): Float32Array {
    return this.block(name).array;
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
    this.#layouts.toEngine(this.#owners.get(name) ?? name, values, array);
  }

  async fill(name: string, load: (into: Float32Array) => Promise<void>): Promise<void> {
    const owner = this.#owners.get(name) ?? name;
    const array = this.array(name);
    this.changed(name);
    if (!this.#layouts.isTurned(owner)) return load(array);
    const values = new Float32Array(array.length);
    await load(values);
    this.#layouts.toEngine(owner, values, array);
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

  /** Lets go of all values. */
  clear(): void {
    this.#blocks.clear();
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
