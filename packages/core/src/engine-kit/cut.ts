/** Cuts `count` into parts of nearly one size, each at most `most`: a last, small one would be slow for its size. */
export function cut(count: number, most: number): (readonly [from: number, to: number])[] {
  const parts = Math.max(1, Math.ceil(count / most));
  return Array.from({ length: parts }, (_, index) => [
    Math.floor((index * count) / parts),
    Math.floor(((index + 1) * count) / parts),
  ]);
}
