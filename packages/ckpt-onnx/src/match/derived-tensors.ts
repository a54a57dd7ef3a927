import {
  CheckpointError,
  type CheckpointReader,
  destination,
  elementCount,
  type Float32Reader,
  readingFloat32,
  type Shape,
  type TensorInfo,
} from '@graftjs/core';
import type { Constant } from './constants.js';
import type { ChannelOperation } from './file-network.js';

/** What operations on channels come to: `factor * x + addend`, each of as many elements as there are channels. */
export interface Affine {
  readonly factors: Float64Array;
  readonly addends: Float64Array;
}

/** A tensor that is made of others. */
export interface DerivedTensor {
  readonly name: string;
  readonly shape: Shape;
  /** The file's tensors that it is made of. */
  readonly sources: readonly string[];
  /** All of it, or where `scales` is given the factors of its entries. */
  readonly values: (channels: ChannelReader) => Promise<Float64Array>;
  /** Where it is one of the file's tensors, multiplied. */
  readonly scales?: {
    readonly tensor: string;
    /** Neighbours that one factor is of. */
    readonly inner: number;
  };
}

/** The constants of an operation. */
export function constantsOf(operation: ChannelOperation): Constant[] {
  if (operation.kind !== 'normalization') return [operation.constant];
  return [operation.scale, operation.bias, operation.mean, operation.variance];
}

/** Reads constants of one element a channel. */
export class ChannelReader {
  readonly #file: Float32Reader;

  constructor(file: CheckpointReader) {
    this.#file = readingFloat32(file);
  }

  /** @throws CheckpointError `checkpoint/does-not-fit` where there are not as many */
  async read({ tensor }: Constant, count: number): Promise<Float64Array> {
    const values = tensor.numbers ?? (await this.#floats(tensor.name));
    if (values.length === count) return Float64Array.from(values);
    if (values.length === 1) return new Float64Array(count).fill(values[0]!);
    throw new CheckpointError(
      'checkpoint/does-not-fit',
      `'${tensor.name}' has ${values.length} elements, and is used for ${count} channels.`,
      { details: { name: tensor.name, received: values.length, accepted: [1, count] } },
    );
  }

  async #floats(name: string): Promise<Float32Array> {
    const info = this.#file.tensors.get(name);
    if (info?.dtype !== 'float32') {
      throw new CheckpointError(
        'checkpoint/unsupported-type',
        `'${name}' is ${info?.dtype ?? 'of a type that Graft does not have'}, and is used as floats. Leave out its layer.`,
        { details: { name, dtype: info?.dtype } },
      );
    }
    const values = new Float32Array(elementCount(info.shape));
    await this.#file.read(name, new Uint8Array(values.buffer));
    return values;
  }

  /** What operations come to, one after the other. */
  async affine(operations: readonly ChannelOperation[], count: number): Promise<Affine> {
    const factors = new Float64Array(count).fill(1);
    const addends = new Float64Array(count);
    for (const operation of operations) {
      const constants = await Promise.all(constantsOf(operation).map((constant) => this.read(constant, count)));
      const [first, bias, mean, variance] = constants as [Float64Array, ...Float64Array[]];
      for (let i = 0; i < count; i++) {
        switch (operation.kind) {
          case 'addend':
            addends[i]! += first[i]!;
            break;
          case 'subtrahend':
            addends[i]! -= first[i]!;
            break;
          default: {
            const factor = factorOf(operation, first[i]!, variance?.[i] ?? 0);
            factors[i]! *= factor;
            addends[i] = factor * (addends[i]! - (mean?.[i] ?? 0)) + (bias?.[i] ?? 0);
          }
        }
      }
    }
    return { factors, addends };
  }

  /** Fills `into` with the elements of a tensor of the file from `first` on. */
  async part(name: string, first: number, into: Float32Array): Promise<void> {
    const { buffer, byteOffset, byteLength } = into;
    await this.#file.readPart!(name, 4 * first, new Uint8Array(buffer, byteOffset, byteLength));
  }
}

function factorOf(operation: ChannelOperation, first: number, variance: number): number {
  if (operation.kind === 'normalization') return first / Math.sqrt(variance + operation.epsilon);
  return operation.kind === 'divisor' ? 1 / first : first;
}

/** How many elements are multiplied at a time. */
const elementsAtOnce = 1 << 20;

/** A file with tensors that are made of its own, in place of those that they are made of. */
export class DerivingReader implements CheckpointReader {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly metadata?: ReadonlyMap<string, string>;
  readonly #file: CheckpointReader;
  readonly #derived: ReadonlyMap<string, DerivedTensor>;
  readonly #channels: ChannelReader;

  constructor(file: CheckpointReader, derived: readonly DerivedTensor[], kept: ReadonlySet<string>) {
    const used = new Set(derived.flatMap(({ sources }) => sources));
    const own = [...file.tensors.values()].filter(({ name }) => !used.has(name) || kept.has(name));
    const made = derived.map(({ name, shape }): TensorInfo => ({ name, dtype: 'float32', shape }));
    const tensors = [...own, ...made].sort((a, b) => (a.name < b.name ? -1 : 1));
    this.tensors = new Map(tensors.map((tensor) => [tensor.name, tensor]));
    if (file.metadata) this.metadata = file.metadata;
    this.#file = file;
    this.#derived = new Map(derived.map((tensor) => [tensor.name, tensor]));
    this.#channels = new ChannelReader(file);
  }

  async read(name: string, into?: Uint8Array): Promise<Uint8Array> {
    const tensor = this.#derived.get(name);
    if (!tensor) return this.#file.read(name, into);
    const bytes = destination(name, 4 * elementCount(tensor.shape), into);
    await this.#fill(tensor, 0, bytes);
    return bytes;
  }

  async readPart(name: string, position: number, into: Uint8Array): Promise<void> {
    const tensor = this.#derived.get(name);
    if (tensor) await this.#fill(tensor, position, into);
    else await this.#file.readPart!(name, position, into);
  }

  /** Fills `into` with the bytes of a derived tensor. */
  async #fill({ values, scales, shape }: DerivedTensor, position: number, into: Uint8Array): Promise<void> {
    const numbers = await values(this.#channels);
    if (!scales) {
      const bytes = new Uint8Array(Float32Array.from(numbers).buffer);
      into.set(bytes.subarray(position, position + into.length));
      return;
    }
    const end = position + into.length;
    const floats = new Float32Array(Math.min(elementsAtOnce, elementCount(shape)));
    for (let at = position; at < end; ) {
      const first = Math.floor(at / 4);
      const piece = floats.subarray(0, Math.min(floats.length, Math.ceil(end / 4) - first));
      await this.#channels.part(scales.tensor, first, piece);
      for (let i = 0; i < piece.length; i++) {
        piece[i]! *= numbers[Math.floor((first + i) / scales.inner) % numbers.length]!;
      }
      const bytes = new Uint8Array(piece.buffer, 0, piece.byteLength).subarray(at - 4 * first).subarray(0, end - at);
      into.set(bytes, at - position);
      at += bytes.length;
    }
  }

  readStrings(name: string): Promise<Uint8Array[]> {
    return this.#file.readStrings(name);
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
