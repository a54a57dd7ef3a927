import { sameShape } from '@graftjs/core';

/**
 * What the axes of a value are: `N`, `C`, `H` and `W` of images as ONNX has them, in whatever order, and several where they
 * were put into one; of a network's input its own places, which nobody has named yet.
 */
export type Axes = readonly (readonly string[])[];

export const inputAxes: Axes = [['0'], ['1'], ['2'], ['3']];
export const imageAxes: Axes = [['N'], ['C'], ['H'], ['W']];
export const vectorAxes: Axes = [['N'], ['C']];

export const sameAxes = (a: Axes | undefined, b: Axes | undefined): boolean =>
  a !== undefined && b !== undefined && String(a) === String(b);

/** Whether a convolution or pooling may take them for an image's. */
export const isImage = (axes: Axes | undefined): boolean =>
  axes === undefined || sameAxes(axes, imageAxes) || (axes.length === 4 && isInput(axes));

const isInput = (axes: Axes): boolean => sameShape(axes.flat().map(Number).sort(), [0, 1, 2, 3]);

export function transposedAxes(axes: Axes, order: readonly number[]): Axes | undefined {
  if (order.length !== axes.length) return undefined;
  const found = order.map((axis) => axes[axis]);
  return found.every((axis) => axis !== undefined) ? found : undefined;
}

/** All but the first in one. */
export function flattenedAxes(axes: Axes): Axes {
  return [axes[0] ?? [], axes.slice(1).flat()];
}

/** Those of another shape: a row of features, or features as an image of one place; undefined for others. */
export function reshapedAxes(axes: Axes, shape: readonly number[] | undefined): Axes | undefined {
  if (shape === undefined || shape.length === 2) return flattenedAxes(axes);
  const isOnePlace = shape.length === 4 && shape[2] === 1 && shape[3] === 1;
  return isOnePlace && sameAxes(axes, vectorAxes) ? imageAxes : undefined;
}

/** Those left when some, of one element each, are gone. */
export function remainingAxes(axes: Axes, gone: readonly number[]): Axes {
  const places = gone.map((axis) => (axis < 0 ? axis + axes.length : axis));
  return axes.filter((_, axis) => !places.includes(axis));
}

/**
 * Which axis of a value a constant has elements along, when it is broadcast to it.
 * @returns undefined where there are several, or none is known; empty where it has one element in all
 */
export function broadcastAxis(axes: Axes | undefined, shape: readonly number[]): string | undefined {
  const along = shape.flatMap((size, axis) => (size === 1 ? [] : [shape.length - axis]));
  if (along.length === 0) return '';
  const [axis, ...merged] = (along.length === 1 && axes?.[axes.length - along[0]!]) || [];
  return merged.length === 0 ? axis : undefined;
}
