import {
  type Backbone,
  type FeatureLevel,
  type Graph,
  GraphError,
  type Pair,
  padImages,
  UsageError,
} from '@graftjs/core';

/** The levels of a backbone at some strides, from fine to coarse. */
export function levelsAt({ name, levels = [] }: Backbone, strides: readonly number[]): FeatureLevel[] {
  return strides.map((stride) => {
    const level = levels.find((one) => one.stride === stride);
    if (level) return level;
    const has = levels.length > 0 ? `It has: ${levels.map((one) => one.stride).join(', ')}.` : 'It names none.';
    throw new UsageError(
      'usage/backbone',
      `${name} has no feature level at a stride of ${stride}, which the head reads. ${has} Choose another backbone.`,
      { details: { backbone: name, stride, accepted: levels.map((one) => one.stride) } },
    );
  });
}

/** A centred image's rows or columns of zeros before and after it; the odd one comes after. */
export const bothSides = (total: number): Pair => [Math.floor(total / 2), Math.ceil(total / 2)];

/**
 * The backbone for images of any size: they are padded to a multiple of the coarsest stride, and further where a backbone whose
 * convolutions do not pad would leave no features for the image's border.
 */
export function paddedFeatures(
  backbone: Backbone,
  size: Pair,
  levels: readonly FeatureLevel[],
  options: { readonly width?: number },
): Graph {
  const step = Math.max(...levels.map(({ stride }) => stride));
  const upwards = (pixels: number) => Math.ceil(pixels / step) * step;
  const build = (imageSize: Pair): Graph => {
    const graph = backbone.build({ ...options, imageSize });
    const [height, width] = graph.input.shape;
    if (height === imageSize[0] && width === imageSize[1]) return graph;
    throw new GraphError(
      'graph/image-size',
      `${backbone.name} was asked for images of ${imageSize.join('x')}, and takes ${height}x${width}.`,
    );
  };
  const multiple: Pair = [upwards(size[0]), upwards(size[1])];
  const first = build(multiple);
  const shapes = new Map(first.nodes.map(({ name, shape }) => [name, shape]));
  const missing = (axis: 0 | 1): number =>
    Math.max(
      ...levels.map(({ stride, endPoint }) => {
        const places = shapes.get(first.endPoints[endPoint] ?? '')?.[axis] ?? 0;
        return (Math.ceil(size[axis] / stride) - places) * stride;
      }),
    );
  const padded = ([0, 1] as const).map((axis) => multiple[axis] + Math.max(0, upwards(missing(axis)))) as [
    number,
    number,
  ];
  const graph = padded.every((pixels, axis) => pixels === multiple[axis]) ? first : build(padded);
  return padImages(graph, [...bothSides(padded[0] - size[0]), ...bothSides(padded[1] - size[1])]);
}
