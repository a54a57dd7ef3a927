import cliProgress from 'cli-progress';

/** Plain lines come at most this often. */
const lineInterval = 5000;

/** Shows on standard error how far something is: a bar on a terminal, elsewhere a plain line now and then. */
export class Progress {
  #bar: cliProgress.SingleBar | undefined;
  #label = '';
  #lastLine = performance.now();

  readonly #format: (count: number) => string;

  /** @param format writes what is counted: bytes, say, as `34.1 MB` */
  constructor(format: (count: number) => string = String) {
    this.#format = format;
    // A bar changes how the terminal wraps lines; that must not stay so when a second Ctrl-C ends the process.
    process.once('exit', () => this.stop());
  }

  /**
   * Counts one more: `step 120/500`.
   * @param label what is counted; another one than before begins a new bar
   * @param total undefined where nobody knows it
   * @param note what else there is to say: a rate, a loss
   */
  update(label: string, done: number, total: number | undefined, note = ''): void {
    if (!process.stderr.isTTY) {
      if (performance.now() - this.#lastLine >= lineInterval)
        this.line(
          `${label} ${this.#format(done)}${total === undefined ? '' : `/${this.#format(total)}`}${note && `, ${note}`}`,
        );
      return;
    }
    if (label !== this.#label) this.stop();
    this.#label = label;
    if (!this.#bar) {
      this.#bar = new cliProgress.SingleBar({
        format:
          total === undefined
            ? '{label} {value}  {note}'
            : '{label} {bar} {value}/{total}  {eta_formatted} left  {note}',
        barsize: 24,
        clearOnComplete: true,
        etaBuffer: 50,
        formatValue: (value, options, type) =>
          type === 'value' || type === 'total'
            ? this.#format(value)
            : cliProgress.Format.ValueFormat(value, options, type),
      });
      this.#bar.start(total ?? 0, done, { label, note });
    }
    this.#bar.update(done, { label, note });
  }

  /** Writes a line; a bar comes back with the next update. */
  line(text: string): void {
    this.stop();
    this.#lastLine = performance.now();
    process.stderr.write(`${text}\n`);
  }

  /** Takes the bar away. */
  stop(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }
}
