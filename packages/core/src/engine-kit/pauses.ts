/** Milliseconds after which other work of this thread gets its turn. */
const patience = 20;

/** Called between pieces of work: lets other work of this thread have its turn where this one has had it for long. */
export type Pause = () => Promise<void> | undefined;

export function createPauses(): Pause {
  let since = performance.now();
  return () => {
    if (performance.now() - since < patience) return undefined;
    return new Promise((resolve) =>
      setTimeout(() => {
        since = performance.now();
        resolve();
      }),
    );
  };
}
