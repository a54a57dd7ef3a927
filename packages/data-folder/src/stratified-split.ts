import { createHash } from 'node:crypto';

/** The part of each class that goes to the test split. */
const testShare = 0.2;

/**
 * Draws the images of one class that are kept for testing: a fifth, rounded, but at least one and never all. A class
 * with a single image has none. Each image's place in the draw is a hash of the seed, the class and its own name, so
 * the order of the names does not matter, and an image that is added or removed moves few of the others.
 * @returns the names drawn
 */
export function drawTestImages(className: string, images: readonly string[], seed: number): Set<string> {
  if (images.length < 2) return new Set();
  const count = Math.min(Math.max(Math.round(testShare * images.length), 1), images.length - 1);
  const drawn = images
    .map((name) => ({ name, place: createHash('sha256').update(`${seed}/${className}/${name}`).digest('hex') }))
    .sort((a, b) => (a.place < b.place ? -1 : 1))
    .slice(0, count);
  return new Set(drawn.map(({ name }) => name));
}
