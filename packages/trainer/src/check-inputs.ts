import { DataError, formatShape, type Graph, type MaskSplit, type Split, UsageError } from '@graftjs/core';

/**
 * Height and width of the images that a graph takes.
 * @throws UsageError `usage/input` where it does not take square RGB images in bytes
 */
export function imageSize({ name, input }: Graph): number {
  const [height, width, channels] = input.shape;
  if (input.dtype === 'uint8' && input.shape.length === 3 && height === width && channels === 3) return height!;
  throw new UsageError(
    'usage/input',
    `${name} takes ${input.name} as ${input.dtype} of ${formatShape(input.shape)}; images are uint8 of size x size x 3. ` +
      'Give the backbone an input of that form.',
  );
}

/** Refuses (`UsageError` `usage/classes`) names of classes that are not as many as the network's outputs. */
export function checkClasses(graph: Graph, classes: readonly string[]): void {
  const outputs = graph.nodes.find(({ name }) => name === graph.output)!.shape.at(-1)!;
  if (outputs === classes.length) return;
  throw new UsageError(
    'usage/classes',
    `${graph.name} has ${outputs} outputs, and there are ${classes.length} classes. Build it with classes: ${classes.length}.`,
    { details: { outputs, classes: classes.length } },
  );
}

/** How many images a split has. */
export const countOf = (split: Split | MaskSplit): number => ('labels' in split ? split.labels.length : split.count);

/** Refuses (`DataError`) a split without images (`data/empty-split`) or with a label that is no class (`data/label`). */
export function checkSplit(name: string, split: Split | MaskSplit, classes: readonly string[]): void {
  if (countOf(split) === 0) {
    throw new DataError('data/empty-split', `${name} has no images. Look at the data set's folder and its limits.`);
  }
  // The labels of masks are not known before these are read.
  if (!('labels' in split)) return;
  const { labels } = split;
  const wrong = labels.findIndex((label) => !(label >= 0 && label < classes.length));
  if (wrong >= 0) {
    throw new DataError(
      'data/label',
      `${split.id(wrong)} in ${name} has the label ${labels[wrong]}; accepted: 0 to ${classes.length - 1}, one for each class.`,
      { details: { index: wrong, label: labels[wrong] } },
    );
  }
}
