/** One of those that were kept, and its score. */
export interface Ranked<T> {
  readonly score: number;
  readonly value: T;
}

/** Keeps the worst and the best of many by their scores; of equal ones, those that came first. It never holds more. */
export class WorstAndBest<T> {
  readonly #count: number;
  readonly #worst: Ranked<T>[] = [];
  readonly #best: Ranked<T>[] = [];

  /** @param count how many of each are kept at most */
  constructor(count: number) {
    this.#count = count;
  }

  add(score: number, value: T): void {
    this.#insert(this.#worst, { score, value }, (other) => score < other);
    this.#insert(this.#best, { score, value }, (other) => score > other);
  }

  #insert(kept: Ranked<T>[], ranked: Ranked<T>, comesBefore: (other: number) => boolean): void {
    const place = kept.findIndex(({ score }) => comesBefore(score));
    if (place >= 0) kept.splice(place, 0, ranked);
    else kept.push(ranked);
    if (kept.length > this.#count) kept.pop();
  }

  /** The worst first. */
  get worst(): readonly Ranked<T>[] {
    return this.#worst;
  }

  /** The best first; of few, some may be among the worst as well. */
  get best(): readonly Ranked<T>[] {
    return this.#best;
  }
}
