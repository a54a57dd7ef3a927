import {
  CheckpointError,
  type CheckpointReader,
  type DType,
  destination,
  elementCount,
  type Float32Reader,
  type ForeignTensor,
  formatShape,
  type Graph,
  type NameMap,
  type Normalization,
  normalizationOf,
  readingFloat32,
  type Shape,
  sameShape,
  type TensorInfo,
  unknownVariable,
  withNormalization,
} from '@graftjs/core';
import { adaptShift, adaptWeights, type InputAdaption, planInput } from './adapt-input.js';
import { type FoundTensors, findTensors } from './find-tensors.js';
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
  /** The file's type, where it is another than float32, which it is read as. */
  readonly castFrom?: DType;
  /** Another tensor, which was subtracted. */
  readonly minus?: string;
}

/** A checkpoint by a graph's names and in its arrangement. */
export interface Translation {
  /** Whose names the file has; absent where they are the graph's own, or where nobody's were looked at. */
  readonly source?: string;
  /** Present where the variables were found by what the file's network does with its tensors: see `NetworkMatch`. */
  readonly network?: FoundTensors['network'];
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
    this.#adaption = planInput(graph, map);
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
    if (foreign.minus !== undefined) await this.#subtract({ ...foreign, name: foreign.minus }, shape, values);
    if (this.#adaption?.weights === name) adaptWeights(this.#adaption, values, shape.at(-1)!);
    if (this.#adaption?.shift?.variable === name)
      adaptShift(this.#adaption, values, await this.#sourceWeights(name, this.#adaption));
    if (!isAligned) bytes.set(new Uint8Array(values.buffer));
    return bytes;
  }

  async #subtract(foreign: ForeignTensor, shape: Shape, values: Float32Array): Promise<void> {
    const found = this.#file.tensors.get(foreign.name);
    const expected = foreignShape(foreign, shape);
    if (found?.dtype !== 'float32' || !sameShape(found.shape, expected)) {
      const received = found ? `${found.dtype} ${formatShape(found.shape)}` : 'missing';
      throw new CheckpointError(
        'checkpoint/does-not-fit',
        `${foreign.name}, which ${this.#map.source} adds where the network here subtracts a mean, is ${received}; expected: ` +
          `float32 ${formatShape(expected)}.`,
        { details: { name: foreign.name, expected, found } },
      );
    }
    const subtracted = new Float32Array(values.length);
    await this.#arrange(foreign, shape, subtracted);
    for (let i = 0; i < values.length; i++) values[i]! -= subtracted[i]!;
  }

  /** The first convolution's weights, arranged and as the source has them. */
  async #sourceWeights(shifted: string, { weights }: InputAdaption): Promise<Float32Array> {
    const [foreign, shape, found] = [this.#map.tensors[weights], this.#shapes.get(weights), this.tensors.get(weights)];
    if (!foreign || !shape || found?.dtype !== 'float32' || !sameShape(found.shape, shape)) {
      throw new CheckpointError(
        'checkpoint/does-not-fit',
        `${shifted} cannot be had without ${weights}, which the checkpoint lacks or has otherwise: what the network is fed ` +
          'has another mean than the source had. Leave both out.',
        { details: { name: shifted, needs: weights } },
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

const castOf = (file: Float32Reader, tensor: string): Pick<TensorChange, 'castFrom'> => {
  const castFrom = file.castFrom(tensor);
  return castFrom === undefined ? {} : { castFrom };
};

/** The graph's own names: the same file, without what is of no variable. */
function ownNames(file: Float32Reader, { variables }: Graph): Translation {
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
    changes: [...tensors.keys()].map((name) => ({
      tensor: name,
      variable: name,
      permuted: false,
      adapted: false,
      ...castOf(file, name),
    })),
    dropped: [...file.tensors.keys()].filter((name) => !tensors.has(name)),
  };
}

/**
 * What a graph's images are to be normalized by, so that the weights of a checkpoint are good as they are, up to the last pixel
 * at the edges: as for the network whose names it has. Give it to `withNormalization`.
 * @param nameMaps the backbone's
 * @param names see `chooseNames`
 * @returns undefined where the graph does so already, or leaves it to its user
 * @throws those of `findTensors`
 */
export function sourceNormalization(
  file: CheckpointReader,
  graph: Graph,
  nameMaps?: readonly NameMap[],
  names?: string,
): Normalization | undefined {
  const input = findTensors(file, graph, nameMaps, names).map?.input;
  const own = normalizationOf(graph);
  if (!input || !own) return undefined;
  const { mean, deviation } = input;
  const wanted = normalizationOf(withNormalization(graph, input))!;
  const isOwn = JSON.stringify(wanted) === JSON.stringify(own);
  return isOwn ? undefined : { mean, deviation };
}

/**
 * Reads a checkpoint by a graph's names, whoever's names it has: `findTensors` finds out. Tensors are renamed, brought into
 * the graph's arrangement piece by piece and, where they are of another floating-point type, read as float32. What the graph
 * is fed otherwise than the source's network goes into the first convolution: see `planInput`, and `sourceNormalization`, with
 * which nothing of it is left but the order of the channels.
 * @param nameMaps the backbone's
 * @param names see `chooseNames`
 * @throws those of `findTensors` and `planInput`
 */
export function translateNames(
  file: CheckpointReader,
  graph: Graph,
  nameMaps?: readonly NameMap[],
  names?: string,
): Translation {
  const { file: found, map, source, network } = findTensors(file, graph, nameMaps, names);
  const floats = readingFloat32(found);
  if (!map) return ownNames(floats, graph);
  const reader = new TranslatedReader(floats, map, graph);
  const adaption = planInput(graph, map);
  const taken = new Set<string>();
  const changes = graph.variables.flatMap(({ name, shape }): TensorChange[] => {
    const foreign = map.tensors[name];
    if (!foreign || !reader.tensors.has(name)) return [];
    const { minus } = foreign;
    taken.add(foreign.name);
    if (minus !== undefined) taken.add(minus);
    const adapted = adaption !== undefined && (name === adaption.weights || name === adaption.shift?.variable);
    const permuted = isPermuted(foreign, shape);
    const change = { tensor: foreign.name, variable: name, permuted, adapted, ...castOf(floats, foreign.name) };
    return [minus === undefined ? change : { ...change, minus }];
  });
  return {
    ...(source !== undefined && { source }),
    ...(network && { network }),
    reader,
    nameOf: (variable) => map.tensors[variable]?.name,
    changes,
    dropped: [...floats.tensors.keys()].filter((name) => !taken.has(name)),
  };
}
