import { pick, UsageError } from '@graftjs/core';

/**
 * `none`: 1 each. `balanced`: by inverse frequency. `median`: by median frequency, for pixels. Or weights by the names of classes;
 * those not named have 1.
 */
export type ClassWeights = 'none' | 'balanced' | 'median' | Readonly<Record<string, number>>;

/**
 * How much an image of each class counts in the loss. With `balanced`, `images / (classes * images of the class)`: every
 * class counts the same, and the mean over all images is 1.
 * @param classes names, in the order of labels
 * @param labels of the training split
 * @returns undefined where all are 1
 * @throws UsageError `usage/unknown-name` for a name that is no class, `usage/class-weights` for `median`
 */
export function resolveClassWeights(
  setting: ClassWeights,
  classes: readonly string[],
  labels: Int32Array,
): Float32Array | undefined {
  if (setting === 'none') return undefined;
  if (setting === 'median') {
    throw new UsageError(
      'usage/class-weights',
      "The class weights are 'median', which is for pixels, and the data set tells a class an image. Accepted: 'none', " +
        "'balanced', or weights by the names of classes.",
    );
  }
  if (setting === 'balanced') {
    const counts = new Float64Array(classes.length);
    for (const label of labels) counts[label]! += 1;
    // Of a class without images, no weight is ever asked for.
    return Float32Array.from(counts, (count) => labels.length / (classes.length * Math.max(count, 1)));
  }
  const known = Object.fromEntries(classes.map((name) => [name, true]));
  for (const name of Object.keys(setting)) pick('class', name, known);
  return Float32Array.from(classes, (name) => (Object.hasOwn(setting, name) ? setting[name]! : 1));
}
