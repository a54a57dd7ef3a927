import {
  CheckpointError,
  damagedCheckpoint,
  dtypeBytes,
  elementCount,
  formatShape,
  safeElementCount,
  type TensorInfo,
  unknownVariable,
} from '@graftjs/core';
import { type ElementType, elementTypeOfCode } from './element-type.js';

/** What both versions say of a variable. */
export interface StoredTensor extends TensorInfo {
  readonly type: ElementType;
}

/**
 * A variable as an index describes it; undefined for a type that is no tensor of values.
 * @throws CheckpointError `checkpoint/damaged` for a shape that cannot be
 */
export function storedTensor(
  path: string,
  name: string,
  code: number,
  shape: readonly number[],
): StoredTensor | undefined {
  const type = elementTypeOfCode(code);
  if (type === undefined) return undefined;
  if (name === '' || safeElementCount(shape) === undefined) {
    throw damagedCheckpoint(path, undefined, `the index gives a variable '${name}' the shape ${formatShape(shape)}`);
  }
  return { name, dtype: type.dtype, shape, type };
}

/** The variables of an open checkpoint by name. */
export class TensorTable<T extends StoredTensor> {
  readonly #path: string;
  readonly #tensors: ReadonlyMap<string, T>;
  readonly #unreadable: ReadonlyMap<string, number>;

  /** @param unreadable names of what the checkpoint holds beside tensors of values, with TensorFlow's `DataType` */
  constructor(path: string, tensors: Iterable<T>, unreadable: ReadonlyMap<string, number>) {
    this.#path = path;
    this.#unreadable = unreadable;
    const sorted = [...tensors].sort((a, b) => (a.name < b.name ? -1 : 1));
    this.#tensors = new Map(sorted.map((tensor) => [tensor.name, tensor]));
  }

  get all(): ReadonlyMap<string, T> {
    return this.#tensors;
  }

  /** @throws CheckpointError `checkpoint/unknown-variable`, `checkpoint/unsupported-type` */
  get(name: string): T {
    const tensor = this.#tensors.get(name);
    if (tensor !== undefined) return tensor;
    const code = this.#unreadable.get(name);
    if (code !== undefined) {
      throw new CheckpointError(
        'checkpoint/unsupported-type',
        `'${name}' in ${this.#path} is of TensorFlow's type ${code}, which Graft does not read. Leave it out.`,
        { details: { path: this.#path, name, code } },
      );
    }
    throw unknownVariable(this.#path, name, this.#tensors.size);
  }

  /** A variable whose elements have a fixed size. @throws CheckpointError also `checkpoint/string-variable` */
  getSized(name: string): { tensor: T; elementBytes: number; bytes: number } {
    const tensor = this.get(name);
    if (tensor.dtype === 'string') {
      throw new CheckpointError(
        'checkpoint/string-variable',
        `'${name}' in ${this.#path} holds strings (${formatShape(tensor.shape)}): read it with \`readStrings\`.`,
        { details: { path: this.#path, name } },
      );
    }
    const elementBytes = dtypeBytes[tensor.dtype];
    return { tensor, elementBytes, bytes: elementCount(tensor.shape) * elementBytes };
  }

  /** A variable of strings. @throws CheckpointError also `checkpoint/no-string-variable` */
  getStrings(name: string): { tensor: T; count: number } {
    const tensor = this.get(name);
    if (tensor.dtype !== 'string') {
      throw new CheckpointError(
        'checkpoint/no-string-variable',
        `'${name}' in ${this.#path} holds ${tensor.dtype} and no strings: read it with \`read\`.`,
        { details: { path: this.#path, name, dtype: tensor.dtype } },
      );
    }
    return { tensor, count: elementCount(tensor.shape) };
  }
}
