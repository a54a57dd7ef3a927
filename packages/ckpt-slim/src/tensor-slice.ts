import { elementCount, type Shape } from '@graftjs/core';

/** A box cut out of a tensor: where it starts and how far it goes along each axis. */
export interface TensorSlice {
  readonly starts: readonly number[];
  /** -1 stands for the whole axis; TensorFlow writes axes that are not cut in this way. */
  readonly lengths: readonly number[];
}

export function wholeSlice(rank: number): TensorSlice {
  return { starts: new Array<number>(rank).fill(0), lengths: new Array<number>(rank).fill(-1) };
}

/** The shape of a slice of a tensor of the given shape; undefined where the slice does not lie within it. */
export function sliceShape(slice: TensorSlice, shape: Shape): Shape | undefined {
  if (slice.starts.length !== shape.length) return undefined;
  const lengths = slice.lengths.map((length, axis) => (length === -1 ? (shape[axis] as number) : length));
  const inside = lengths.every((length, axis) => {
    const start = slice.starts[axis] as number;
    return start >= 0 && length >= 0 && start + length <= (shape[axis] as number);
  });
  return inside ? lengths : undefined;
}

/** Hands out the places of a slice's elements within the row-major bytes of the whole tensor, in the slice's order. */
export class SliceCursor {
  readonly #tensor: Uint8Array;
  readonly #coverage: Coverage | undefined;
  readonly #elementBytes: number;
  /** Elements in one stretch without a gap. */
  readonly #run: number;
  /** Of the axes outside a run, outermost first: size in the slice, elements to the next in the tensor, current index. */
  readonly #sizes: readonly number[];
  readonly #strides: readonly number[];
  readonly #indexes: number[];
  #runsLeft: number;
  #element = 0;
  #done = 0;

  /**
   * @param shape of the whole tensor
   * @param slice one for which `sliceShape` gives a shape
   * @param coverage is told of each stretch
   */
  constructor(tensor: Uint8Array, shape: Shape, slice: TensorSlice, elementBytes: number, coverage?: Coverage) {
    this.#tensor = tensor;
    this.#elementBytes = elementBytes;
    this.#coverage = coverage;
    const sizes = sliceShape(slice, shape) as Shape;
    const strides = shape.map((_, axis) => elementCount(shape.slice(axis + 1)));
    let inner = shape.length;
    while (inner > 0 && sizes[inner - 1] === shape[inner - 1]) inner--;
    const outer = Math.max(inner - 1, 0);
    this.#run = elementCount(sizes.slice(outer));
    this.#sizes = sizes.slice(0, outer);
    this.#strides = strides.slice(0, outer);
    this.#indexes = this.#sizes.map(() => 0);
    this.#runsLeft = this.#run === 0 ? 0 : elementCount(this.#sizes);
    slice.starts.forEach((start, axis) => {
      this.#element += start * (strides[axis] as number);
    });
    if (this.#runsLeft > 0) coverage?.add(this.#element, this.#run);
  }

  /** The rest of the current stretch; empty once every element has its place. */
  get piece(): Uint8Array {
    if (this.#runsLeft === 0) return this.#tensor.subarray(0, 0);
    const start = this.#element * this.#elementBytes;
    return this.#tensor.subarray(start + this.#done, start + this.#run * this.#elementBytes);
  }

  /** Passes over the first `count` bytes of `piece`. */
  advance(count: number): void {
    this.#done += count;
    if (this.#done < this.#run * this.#elementBytes) return;
    this.#done = 0;
    this.#runsLeft--;
    if (this.#runsLeft === 0) return;
    for (let axis = this.#sizes.length - 1; axis >= 0; axis--) {
      const stride = this.#strides[axis] as number;
      const index = (this.#indexes[axis] as number) + 1;
      this.#element += stride;
      if (index < (this.#sizes[axis] as number)) {
        this.#indexes[axis] = index;
        break;
      }
      this.#element -= index * stride;
      this.#indexes[axis] = 0;
    }
    this.#coverage?.add(this.#element, this.#run);
  }
}

/** Remembers which elements of a tensor have been given a value: one bit each. */
export class Coverage {
  readonly #bits: Uint8Array;
  readonly #count: number;

  constructor(count: number) {
    this.#count = count;
    this.#bits = new Uint8Array(Math.ceil(count / 8));
  }

  add(first: number, count: number): void {
    const end = first + count;
    let at = first;
    for (; at < end && at % 8 !== 0; at++) this.#set(at);
    const wholeBytes = Math.floor((end - at) / 8);
    this.#bits.fill(0xff, at / 8, at / 8 + wholeBytes);
    for (at += 8 * wholeBytes; at < end; at++) this.#set(at);
  }

  get complete(): boolean {
    const last = Math.floor(this.#count / 8);
    for (let at = 0; at < last; at++) if (this.#bits[at] !== 0xff) return false;
    const rest = this.#count % 8;
    return rest === 0 || this.#bits[last] === (1 << rest) - 1;
  }

  #set(at: number): void {
    const byte = Math.floor(at / 8);
    this.#bits[byte] = (this.#bits[byte] as number) | (1 << (at % 8));
  }
}
