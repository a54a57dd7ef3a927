import {
  CheckpointError,
  type CheckpointReader,
  destination,
  elementCount,
  type ForeignTensor,
  formatShape,
  type Graph,
  type NameMap,
  type Shape,
  sameShape,
  type TensorInfo,
  unknownVariable,
} from '@graftjs/core';
import { adaptBiases, adaptWeights, type InputAdaption, planInput } from './adapt-input.js';
import { chooseNames } from './choose-names.js';
import { permute } from './permute.js';

/** What becomes of one tensor of a file. */
export interface TensorChange {
  /** As the file calls it. */
  readonly tensor: string;
  readonly variable: string;
  /** Whether its values lie in another order. */
  readonly permuted: boolean;
  /** Whether its values are others, since the network is fed in another way than the source's. */
  readonly adapted: boolean;
}

/** A checkpoint by a graph's names and in its arrangement. */
export interface Translation {
  /** Whose names the file has; absent where they are the graph's own. */
  readonly source?: string;
  /** Has what the file has of the graph's variables, and nothing else. Closing it closes the file. */
  readonly reader: CheckpointReader;
  /** What the file calls a variable, or would; undefined where its source has none of the kind. */
  nameOf(variable: string): string | undefined;
  /** For each tensor that a variable comes from, in the graph's order. */
  readonly changes: readonly TensorChange[];
  /** Tensors of the file that no variable of the graph comes from, sorted. */
  readonly dropped: readonly string[];
}

/** The axes of a variable that one axis of a foreign tensor stands for. */
const grouped = ({ axes }: ForeignTensor): (readonly number[])[] =>
  axes.map((axis) => (typeof axis === 'number' ? [axis] : axis));

/** Whether a foreign tensor's values lie in the order of the variable's, axes of one element aside. */
function isPermuted(tensor: ForeignTensor, shape: Shape): boolean {
  const order = grouped(tensor)
    .flat()
    .filter((axis) => shape[axis] !== 1);
  return order.some((axis, place) => place > 0 && axis < order[place - 1]!);
}

/** The shape that a foreign tensor must have for a variable. */
const foreignShape = (tensor: ForeignTensor, shape: Shape): Shape =>
  grouped(tensor).map((axes) => elementCount(axes.map((axis) => shape[axis]!)));

/** The shape that a found tensor has in the variable's arrangement; its own where it cannot be arranged so. */
function arrangedShape(tensor: ForeignTensor, found: Shape, expected: Shape): Shape {
  if (sameShape(found, foreignShape(tensor, expected))) return expected;
  const axes = grouped(tensor);
  if (found.length !== expected.length || axes.length !== expected.length) return found;
  return expected.map((_, axis) => found[axes.findIndex(([at]) => at === axis)]!);
}

/** How far apart neighbours lie along each axis of a row-major array. */
function stridesOf(shape: Shape): number[] {
  return shape.map((_, axis) => elementCount(shape.slice(axis + 1)));
}

class TranslatedReader implements CheckpointReader {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly #file: CheckpointReader;
  readonly #map: NameMap;
  readonly #shapes: ReadonlyMap<string, Shape>;
  readonly #adaption: InputAdaption | undefined;

  constructor(file: CheckpointReader, map: NameMap, graph: Graph) {
    this.#file = file;
    this.#map = map;
    this.#shapes = new Map(graph.variables.map(({ name, shape }) => [name, shape]));
    this.#adaption = planInput(graph, map.input);
    const tensors = graph.variables.flatMap(({ name, shape }) => {
      const foreign = map.tensors[name];
      const found = foreign && file.tensors.get(foreign.name);
      return foreign && found ? [{ ...found, name, shape: arrangedShape(foreign, found.shape, shape) }] : [];
    });
    this.tensors = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  }

  async read(name: string, into?: Uint8Array): Promise<Uint8Array> {
    const found = this.tensors.get(name);
    const foreign = this.#map.tensors[name];
    const shape = this.#shapes.get(name);
    if (!found || !foreign || !shape) {
      throw unknownVariable(`the checkpoint with ${this.#map.source}'s names`, name, this.tensors.size);
    }
    if (found.dtype !== 'float32' || !sameShape(found.shape, shape)) {
      throw new CheckpointError(
        'checkpoint/does-not-fit',
        `${name} is float32 ${formatShape(shape)}, and ${foreign.name} would be ${found.dtype} ${formatShape(found.shape)}.`,
        { details: { name, expected: shape, found } },
      );
    }
    const bytes = destination(name, 4 * elementCount(shape), into);
    const isAligned = bytes.byteOffset % 4 === 0;
    const values = isAligned
      ? new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
      : new Float32Array(bytes.length / 4);
    await this.#arrange(foreign, shape, values);
    if (this.#adaption?.weights === name) adaptWeights(this.#adaption, values, shape.at(-1)!);
    if (this.#adaption?.biases === name) adaptBiases(this.#adaption, values, await this.#sourceWeights(this.#adaption));
    if (!isAligned) bytes.set(new Uint8Array(values.buffer));
    return bytes;
  }

  /** The first convolution's weights, arranged and as the source has them. */
  async #sourceWeights({ weights, biases }: InputAdaption): Promise<Float32Array> {
    const [foreign, shape, found] = [this.#map.tensors[weights], this.#shapes.get(weights), this.tensors.get(weights)];
    if (!foreign || !shape || found?.dtype !== 'float32' || !sameShape(found.shape, shape)) {
      throw new CheckpointError(
        'checkpoint/does-not-fit',
        `${biases} cannot be had without ${weights}, which the checkpoint lacks or has otherwise: what the network is fed ` +
          'has another mean than the source had. Leave both out.',
        { details: { name: biases, needs: weights } },
      );
    }
    const values = new Float32Array(elementCount(shape));
    await this.#arrange(foreign, shape, values);
    return values;
  }

  async #arrange(foreign: ForeignTensor, shape: Shape, values: Float32Array): Promise<void> {
    const file = this.#file;
    const bytesOf = (array: Float32Array) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    if (!isPermuted(foreign, shape)) {
      await file.read(foreign.name, bytesOf(values));
      return;
    }
    const axes = grouped(foreign).flat();
    const sizes = axes.map((axis) => shape[axis]!);
    const strides = stridesOf(shape);
    const rowSize = elementCount(sizes.slice(1));
    const whole = file.readPart ? undefined : await file.read(foreign.name);
    await permute(
      values,
      sizes,
      axes.map((axis) => strides[axis]!),
      async (first, into) => {
        const position = 4 * first * rowSize;
        if (whole) bytesOf(into).set(whole.subarray(position, position + into.byteLength));
        else await file.readPart!(foreign.name, position, bytesOf(into));
      },
    );
  }

  async readStrings(name: string): Promise<Uint8Array[]> {
    return this.#file.readStrings(this.#map.tensors[name]?.name ?? name);
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/** The graph's own names: the same file, without what is of no variable. */
function ownNames(file: CheckpointReader, { variables }: Graph): Translation {
  const tensors = new Map(
    variables.flatMap(({ name }) => (file.tensors.has(name) ? [[name, file.tensors.get(name)!] as const] : [])),
  );
  const reader: CheckpointReader = {
    tensors,
    read: (name, into) => file.read(name, into),
    readStrings: (name) => file.readStrings(name),
    close: () => file.close(),
  };
  return {
    reader,
    nameOf: (variable) => variable,
    changes: [...tensors.keys()].map((name) => ({ tensor: name, variable: name, permuted: false, adapted: false })),
    dropped: [...file.tensors.keys()].filter((name) => !tensors.has(name)),
  };
}

/**
 * Reads a checkpoint by a graph's names, whoever's names it has: `chooseNames` finds out. Tensors are renamed, brought into
 * the graph's arrangement piece by piece, and the first convolution is adapted to what the graph is fed.
 * @param nameMaps the backbone's
 * @throws CheckpointError those of `chooseNames`
 */
export function translateNames(file: CheckpointReader, graph: Graph, nameMaps?: readonly NameMap[]): Translation {
  const map = chooseNames(file.tensors, graph, nameMaps);
  if (!map) return ownNames(file, graph);
  const reader = new TranslatedReader(file, map, graph);
  const adaption = planInput(graph, map.input);
  const taken = new Set<string>();
  const changes = graph.variables.flatMap(({ name, shape }): TensorChange[] => {
    const foreign = map.tensors[name];
    if (!foreign || !reader.tensors.has(name)) return [];
    taken.add(foreign.name);
    const adapted = adaption !== undefined && (name === adaption.weights || name === adaption.biases);
    return [{ tensor: foreign.name, variable: name, permuted: isPermuted(foreign, shape), adapted }];
  });
  return {
    source: map.source,
    reader,
    nameOf: (variable) => map.tensors[variable]?.name,
    changes,
    dropped: [...file.tensors.keys()].filter((name) => !taken.has(name)),
  };
}
