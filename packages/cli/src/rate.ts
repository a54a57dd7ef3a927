/** Milliseconds that a rate is a mean over. */
const span = 5000;

/** How much gets done in a second, of late. */
export class Rate {
  readonly #marks: { readonly time: number; readonly done: number }[] = [];

  /**
   * Notes how much is done by now.
   * @returns the rate per second over the last five seconds; undefined at the beginning
   */
  update(done: number, time = performance.now()): number | undefined {
    this.#marks.push({ time, done });
    while (this.#marks.length > 2 && time - this.#marks[1]!.time >= span) this.#marks.shift();
    const [first] = this.#marks;
    return time > first!.time ? (1000 * (done - first!.done)) / (time - first!.time) : undefined;
  }
}
