import { createHash } from 'node:crypto';

/** The part of each class that goes to the test split. */
const testShare = 0.2;

/**
 * Draws the pictures of one class that are kept for testing: a fifth, rounded, but at least one and never all. A class
 * with a single picture has none. Each picture's place in the draw is a hash of the seed, the class and its own name, so
 * the order of the names does not matter, and a picture that is added or removed moves few of the others.
 * @returns the names drawn
 */
export function drawTestPictures(className: string, pictures: readonly string[], seed: number): Set<string> {
  if (pictures.length < 2) return new Set();
  const count = Math.min(Math.max(Math.round(testShare * pictures.length), 1), pictures.length - 1);
  const drawn = pictures
    .map((name) => ({ name, place: createHash('sha256').update(`${seed}/${className}/${name}`).digest('hex') }))
    .sort((a, b) => (a.place < b.place ? -1 : 1))
    .slice(0, count);
  return new Set(drawn.map(({ name }) => name));
}
