import { elementCount, type Shape } from '@graftjs/core';
import { elementTypeOf } from '../element-types.js';
import type { OnnxFile, OnnxNode } from '../onnx-file.js';
import type { StoredTensor } from '../stored-tensor.js';

/** A constant as a node reads it: a tensor of the file, its axes brought into another order, joined or cut. */
export interface Constant {
  readonly tensor: StoredTensor;
  readonly shape: Shape;
  /** For each axis those of the tensor that it consists of, outermost first; of one element where there is none. */
  readonly axes: readonly (readonly number[])[];
}

/** What changes neither the values nor, but for rounding, their order. */
const passing = new Set(['Identity', 'Cast']);
/** More than any exporter leaves one behind the other. */
const mostLinks = 64;
/** More than images and weights have, also with some of one element. */
const mostAxes = 16;

/** All of a tensor, as it is. */
export const whole = (tensor: StoredTensor): Constant => ({
  tensor,
  shape: tensor.shape,
  axes: tensor.shape.map((_, axis) => [axis]),
});

/** A number as a constant of one element. */
export function scalar(value: number): Constant {
  const values = { kind: 'fixed', pieces: [] } as const;
  return whole({ name: String(value), type: elementTypeOf(1), shape: [], values, numbers: [value] });
}

export function transposed({ tensor, shape, axes }: Constant, order: readonly number[]): Constant | undefined {
  if (order.length !== shape.length || order.some((axis) => shape[axis] === undefined)) return undefined;
  return { tensor, shape: order.map((axis) => shape[axis]!), axes: order.map((axis) => axes[axis]!) };
}

/** Undefined where an axis would be cut in two that the tensor has as one. */
export function reshaped({ tensor, axes }: Constant, shape: Shape): Constant | undefined {
  const left = axes.flat();
  const joined = shape.map((size) => {
    const group: number[] = [];
    for (let reached = 1; reached < size && left.length > 0; ) {
      const axis = left.shift()!;
      group.push(axis);
      reached *= tensor.shape[axis]!;
    }
    return group;
  });
  const fits = joined.every((group, axis) => elementCount(group.map((at) => tensor.shape[at]!)) === shape[axis]);
  if (!fits || left.some((axis) => tensor.shape[axis] !== 1)) return undefined;
  const last = joined.at(-1);
  if (last) last.push(...left);
  return { tensor, shape, axes: joined };
}

/** A shape as `Reshape` takes it: 0 stands for the size that is there, and -1 for what is left. */
function resolveShape(wanted: readonly number[], from: Shape): Shape | undefined {
  const sizes = wanted.map((size, axis) => (size === 0 ? (from[axis] ?? 0) : size));
  const known = elementCount(sizes.filter((size) => size !== -1));
  const shape = sizes.map((size) => (size === -1 ? elementCount(from) / known : size));
  return shape.every((size) => Number.isSafeInteger(size) && size > 0) ? shape : undefined;
}

/** What a `Constant` node gives where that is no tensor. */
function numbersOf({ attributes, outputs: [name = ''] }: OnnxNode): StoredTensor | undefined {
  const [float, floats] = [attributes.get('value_float')?.float, attributes.get('value_floats')?.floats];
  const [integer, integers] = [attributes.get('value_int')?.integer, attributes.get('value_ints')?.integers];
  const one = float ?? integer;
  const numbers = one === undefined ? (floats ?? integers) : [one];
  if (!numbers) return undefined;
  const type = elementTypeOf(float === undefined && !floats ? 7 : 1);
  const shape = one === undefined ? [numbers.length] : [];
  return { name, type, shape, values: { kind: 'fixed', pieces: [] }, numbers };
}

/** The constants of a network. */
export class Constants {
  readonly #file: OnnxFile;
  readonly #makers = new Map<string, OnnxNode>();

  constructor(file: OnnxFile) {
    this.#file = file;
    for (const node of file.nodes) for (const output of node.outputs) this.#makers.set(output, node);
  }

  /** The constant of that name; undefined where it is none, or one that is computed of others. */
  get(name: string): Constant | undefined {
    const links: OnnxNode[] = [];
    for (let at = name; links.length < mostLinks; ) {
      const stored = this.#stored(at);
      if (stored) return this.#follow(whole(stored), links);
      const maker = this.#makers.get(at);
      if (!maker) return undefined;
      links.unshift(maker);
      at = maker.inputs[0] ?? '';
    }
    return undefined;
  }

  #stored(name: string): StoredTensor | undefined {
    const maker = this.#makers.get(name);
    return this.#file.tensors.get(name) ?? (maker?.operation === 'Constant' ? numbersOf(maker) : undefined);
  }

  /** Few values that are in the file as they are, such as a shape. */
  numbers(name: string | undefined): readonly number[] | undefined {
    return name === undefined ? undefined : this.#stored(name)?.numbers;
  }

  /** The axes that `Squeeze` and its like are given, as an attribute or, of late, as an input. */
  axesOf(node: OnnxNode): readonly number[] | undefined {
    const axes = node.attributes.get('axes')?.integers ?? this.numbers(node.inputs[1]);
    return axes && axes.length <= mostAxes ? axes : undefined;
  }

  #follow(constant: Constant, links: readonly OnnxNode[]): Constant | undefined {
    let found: Constant | undefined = constant;
    for (const node of links) found = found && this.#step(found, node);
    return found;
  }

  #step(constant: Constant, node: OnnxNode): Constant | undefined {
    const { shape } = constant;
    if (passing.has(node.operation)) return constant;
    switch (node.operation) {
      case 'Transpose':
        return transposed(constant, node.attributes.get('perm')?.integers ?? shape.map((_, axis) => axis).reverse());
      case 'Reshape': {
        const to = resolveShape(this.numbers(node.inputs[1]) ?? [], shape);
        return to && reshaped(constant, to);
      }
      case 'Flatten': {
        const axis = node.attributes.get('axis')?.integer ?? 1;
        return reshaped(constant, [elementCount(shape.slice(0, axis)), elementCount(shape.slice(axis))]);
      }
      case 'Squeeze': {
        const gone = this.axesOf(node)?.map((axis) => (axis < 0 ? axis + shape.length : axis));
        return reshaped(
          constant,
          shape.filter((size, axis) => size !== 1 || (gone !== undefined && !gone.includes(axis))),
        );
      }
      case 'Unsqueeze': {
        const added = this.axesOf(node) ?? [];
        const rank = shape.length + added.length;
        const places = added.map((axis) => (axis < 0 ? axis + rank : axis));
        const left = [...shape];
        const to = Array.from({ length: rank }, (_, axis) => (places.includes(axis) ? 1 : (left.shift() ?? 1)));
        return reshaped(constant, to);
      }
    }
    return undefined;
  }
}
