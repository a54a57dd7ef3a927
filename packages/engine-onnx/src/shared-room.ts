/** Something that examples keep from one stage of a step to another. */
export interface Lifetime {
  readonly name: string;
  /** Elements of one example. */
  readonly size: number;
  /** The stage that writes it first, and the last one that reads it. */
  readonly from: number;
  readonly to: number;
}

/** Where everything is kept: places by number, and what each takes of one example. */
export interface SharedRoom {
  readonly places: ReadonlyMap<string, number>;
  readonly sizes: readonly number[];
}

/** Gives everything a place; what is not there at the same time shares one, so that less is needed in all. */
export function shareRoom(lifetimes: readonly Lifetime[]): SharedRoom {
  const places = new Map<string, number>();
  const sizes: number[] = [];
  /** The last stage that each place is taken in. */
  const taken: number[] = [];
  for (const { name, size, from, to } of lifetimes.toSorted((a, b) => a.from - b.from || b.size - a.size)) {
    let best: number | undefined;
    const waste = (place: number) => {
      const left = sizes[place]! - size;
      // A place that has to grow is worse than one that is too large.
      return left >= 0 ? left : sizes[place]! === 0 ? 0 : -left * 4;
    };
    for (const [place, until] of taken.entries())
      if (until < from && (best === undefined || waste(place) < waste(best))) best = place;
    if (best === undefined) best = sizes.push(0) - 1;
    sizes[best] = Math.max(sizes[best]!, size);
    taken[best] = to;
    places.set(name, best);
  }
  return { places, sizes };
}
