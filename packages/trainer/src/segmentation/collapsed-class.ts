import { voidLabel } from '@graftjs/core';

/** So much of what is of other classes is predicted as one class, where a network tells nothing apart. */
const collapsedShare = 0.99;

/**
 * The class that predictions have collapsed to: at least 99% of the labelled pixels of all other classes are taken for it. Pixels of the
 * class itself do not count, so that a large background is no collapse.
 * @param truth a label for each pixel, void among them
 * @param prediction the same without void
 * @returns undefined where classes are told apart, or where there is nothing to tell apart
 */
export function collapsedClass(truth: Uint8Array, prediction: Uint8Array): number | undefined {
  const predicted = new Float64Array(voidLabel + 1);
  const ownPredicted = new Float64Array(voidLabel + 1);
  const own = new Float64Array(voidLabel + 1);
  let labelled = 0;
  for (let i = 0; i < truth.length; i++) {
    const label = truth[i]!;
    if (label === voidLabel) continue;
    labelled++;
    own[label]! += 1;
    predicted[prediction[i]!]! += 1;
    if (prediction[i] === label) ownPredicted[label]! += 1;
  }
  const most = predicted.indexOf(predicted.reduce((largest, count) => Math.max(largest, count), 0));
  const others = labelled - own[most]!;
  const taken = predicted[most]! - ownPredicted[most]!;
  return others > 0 && taken >= collapsedShare * others ? most : undefined;
}
