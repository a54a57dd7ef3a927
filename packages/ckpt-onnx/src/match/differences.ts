import type { Graph, Padding, Pair, Shape } from '@graftjs/core';
import type { Step, Window } from './network.js';

/** How many are told of many. */
const shown = 3;

const same = (one: readonly unknown[], other: readonly unknown[]): boolean => String(one) === String(other);

/** Rows and columns that a window gives of an image. */
function givenBy({ kernel, strides, dilations }: Window, padding: Padding, size: Pair): number[] {
  return [0, 1].map((axis) => {
    const reach = (kernel[axis]! - 1) * dilations[axis]! + 1;
    return Math.floor((size[axis]! + padding[2 * axis]! + padding[2 * axis + 1]! - reach) / strides[axis]!) + 1;
  });
}

/** Whether two paddings come to the same for an image: below and to the right no window may read what one of them has more. */
function padsAlike(window: Window, padding: Padding, size: Pair): boolean {
  const own = window.padding!;
  const begin = ([top, , left]: Padding) => [top, left];
  return same(begin(own), begin(padding)) && same(givenBy(window, own, size), givenBy(window, padding, size));
}

/** What a window of the file does otherwise than the graph's, as the predicate of a sentence. */
function windowDifference(graph: Window, file: Window, size: Pair, averages: boolean): string | undefined {
  if (!same(graph.kernel, file.kernel))
    return `has windows of ${file.kernel.join('x')} (here ${graph.kernel.join('x')})`;
  // A network may dilate where another strides; how far apart a kernel reads is compared already.
  if (!same(graph.dilations, file.dilations)) return undefined;
  if (!same(graph.strides, file.strides))
    return `strides by ${file.strides.join('x')} (here ${graph.strides.join('x')})`;
  const { padding } = file;
  if (!padding || !graph.padding) return undefined;
  if (!padsAlike(graph, padding, size)) {
    const sizes = (of: Padding) => `${of.join(', ')} at top, bottom, left, right`;
    return `pads by ${sizes(padding)} (here ${sizes(graph.padding)})`;
  }
  const counts = (window: Window) => window.countsPadding && window.padding!.some((size) => size > 0);
  if (!averages || counts(graph) === counts(file)) return undefined;
  return counts(file) ? 'counts the zeros around the image (not so here)' : 'leaves out the zeros around the image';
}

function activationDifference(graph: Step<unknown>, file: Step<unknown>): string | undefined {
  if (graph.readers.length === 0 || same([...graph.activations].sort(), [...file.activations].sort())) return undefined;
  const list = ({ activations }: Step<unknown>) => [...activations].sort().join(' and ') || 'nothing';
  return `is followed by ${list(file)} (here ${list(graph)})`;
}

/** The image that a window of the graph goes over, without what is added around it. */
function imageOf(graph: Graph, shapes: ReadonlyMap<string, Shape>, { name, window }: Step<unknown>): Pair {
  const node = graph.nodes.find((one) => one.name === name)!;
  const [height, width] = shapes.get(node.inputs[0]!) as [number, number, number];
  const own = 'padding' in node ? node.padding : [0, 0, 0, 0];
  const around = window!.padding!.map((size, side) => size - own[side]!);
  return [height - around[0]! - around[1]!, width - around[2]! - around[3]!];
}

/**
 * What steps that are the same in two networks do otherwise, apart from their weights, as a sentence for people; undefined where
 * nothing is known of any.
 */
export function describeDifferences<G, F>(graph: Graph, pairs: ReadonlyMap<Step<G>, Step<F>>): string | undefined {
  const shapes = new Map([graph.input, ...graph.nodes].map(({ name, shape }) => [name, shape]));
  const found = [...pairs].flatMap(([own, file]) => {
    const isDense = own.kernel !== undefined && own.kernel.size === undefined;
    const windows =
      own.window && file.window && !isDense
        ? windowDifference(own.window, file.window, imageOf(graph, shapes, own), own.kind === 'averagePool')
        : undefined;
    const what = windows ?? activationDifference(own, file);
    return what === undefined ? [] : [`${file.name} ${what}`];
  });
  if (found.length === 0) return undefined;
  const more = found.length > shown ? `; and ${found.length - shown} more` : '';
  return `The file's network differs from this one: ${found.slice(0, shown).join('; ')}${more}. With its weights the results are others.`;
}
