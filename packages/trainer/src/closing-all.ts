/** Things that have to be closed, last opened first. */
export type Closing = (() => Promise<void>)[];

/** Does `work`, and then, whatever came of it, closes what it has put on the list. */
export async function closingAll<T>(work: (closing: Closing) => Promise<T>): Promise<T> {
  const closing: Closing = [];
  try {
    return await work(closing);
  } finally {
    for (const close of closing.reverse()) await close();
  }
}
