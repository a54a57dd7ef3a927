/** What a run draws random numbers for: the key after the seed, so that no two uses share a stream. */
export const stream = { initialValue: 1, limit: 2, order: 3, image: 4, dropout: 5 } as const;
