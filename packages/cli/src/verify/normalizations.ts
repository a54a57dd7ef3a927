import type { Normalization } from '@graftjs/core';

/** What Slim's preprocessing does to the values at its end, by the names that oracle files have; here it is part of a graph. */
export const normalizations = {
  vgg: { mean: [123.68, 116.78, 103.94], deviation: [1, 1, 1] },
  inception: { mean: [127.5, 127.5, 127.5], deviation: [127.5, 127.5, 127.5] },
} satisfies Readonly<Record<string, Normalization>>;
