/**
 * Yields what `load` gives for each of `from` to below `to`, in order. When one is there, the next `ahead` are set on their way
 * before it is worked on. A failure is met when its turn comes.
 */
export async function* prefetched<T>(
  from: number,
  to: number,
  ahead: number,
  load: (place: number) => Promise<T>,
): AsyncGenerator<T> {
  const underway: Promise<T>[] = [];
  try {
    for (let place = from; place < to; place++) {
      const current = await (underway.shift() ?? load(place));
      while (underway.length < Math.min(ahead, to - place - 1)) {
        const loading = load(place + 1 + underway.length);
        loading.catch(() => {});
        underway.push(loading);
      }
      yield current;
    }
  } finally {
    await Promise.allSettled(underway);
  }
}
