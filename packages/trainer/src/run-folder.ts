import { type FileLock, type FileSystem, RunError } from '@graftjs/core';
import { readText } from './read-text.js';
import { parseRunRecord, type RunRecord } from './run-config.js';

/** Bytes copied at once. */
const pieceBytes = 1 << 20;

const newline = 10;

/** The name of the lock, and of the file that it may leave. */
const lockName = 'lock';

/** What is left of a file of a run that was ended while it was written. */
const draftPattern = /^(config\.json|metrics\.jsonl|stages\.json)\..+\.tmp$/;

/** Removes from a run's folder what an ended process has left half written. */
export async function removeDrafts(path: string, files: FileSystem): Promise<void> {
  for (const name of await files.list(path)) if (draftPattern.test(name)) await files.remove(`${path}/${name}`);
}

/** What to do about a folder where no run has begun. */
const elsewhere = 'Choose another folder, or make room in it.';

/** A file system that refuses, as a `RunError` that names the folder. */
async function writing<T>(path: string, remedy: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new RunError(
      'run/cannot-write',
      `The run folder ${path} cannot be written: ${(cause as Error).message}. ${remedy}`,
      { cause, details: { path } },
    );
  }
}

/** Refuses a path with something in it that is no draft. */
async function expectFree(path: string, files: FileSystem): Promise<void> {
  const found = await files.stat(path);
  if (!found) return;
  const names = found.kind === 'folder' ? await files.list(path) : [];
  // What is left of a run that was ended before it had a config is nothing to keep.
  if (found.kind === 'folder' && names.every((name) => draftPattern.test(name) || name === lockName)) return;
  const problem = names.includes('config.json')
    ? 'is a run already. Go on with it by --resume, or choose another folder.'
    : `is ${found.kind === 'file' ? 'a file' : 'not empty'}. Choose another folder.`;
  throw new RunError('run/folder-taken', `${path} ${problem}`, { details: { path } });
}

/**
 * A run on disk: `config.json`, `metrics.jsonl` (a JSON object a line, one for each step and each evaluation) and
 * `checkpoints/`. Open one with `RunFolder.create` or `RunFolder.open`.
 */
export class RunFolder {
  readonly path: string;
  readonly record: RunRecord;
  readonly #files: FileSystem;
  readonly #whole: string;

  private constructor(path: string, record: RunRecord, files: FileSystem, whole = path) {
    this.path = path.replace(/(?<=.)\/+$/, '');
    this.record = record;
    this.#files = files;
    this.#whole = whole;
  }

  /** The folder that the checkpoints are in. */
  get checkpoints(): string {
    return `${this.path}/checkpoints`;
  }

  get metrics(): string {
    return `${this.path}/metrics.jsonl`;
  }

  /** What to do where the run could not write any more. */
  get howToGoOn(): string {
    return `Make room there, and go on with: ${this.resumption}`;
  }

  /** The command that goes on with the run. */
  get resumption(): string {
    return `graft finetune --resume ${this.#whole}`;
  }

  /**
   * Refuses a path where no run can begin: a file, or a folder with something in it.
   * @throws RunError `run/folder-taken`; `run/in-use` where a run in it goes on
   */
  static async checkFree(path: string, files: FileSystem): Promise<void> {
    const found = await files.stat(path);
    const isLocked = found?.kind === 'folder' && (await files.list(path)).includes(lockName);
    if (isLocked) await (await RunFolder.lock(path, files)).release();
    await expectFree(path, files);
  }

  /**
   * Takes a folder, which is made where it is missing, for one run that writes in it: until the lock is released or the
   * process ends. Reading it is open to all. What an ended process has left half written is removed.
   * @throws RunError `run/in-use` where another has it, `run/cannot-write`
   */
  static async lock(path: string, files: FileSystem): Promise<FileLock> {
    const lock = await writing(path, elsewhere, async () => {
      await files.makeFolder(path);
      return files.lock(`${path}/${lockName}`);
    });
    if ('heldBy' in lock) {
      throw new RunError(
        'run/in-use',
        `${path} is in use by ${lock.heldBy}, which trains in it. Wait until that has ended, or stop it there by Ctrl-C, or ` +
          'choose another folder. To look at it meanwhile, by evaluate or predict, is no trouble.',
        { details: { path, heldBy: lock.heldBy } },
      );
    }
    try {
      await removeDrafts(path, files);
    } catch (error) {
      await lock.release();
      throw error;
    }
    return lock;
  }

  /**
   * Writes the config into a folder, which must be free.
   * @param whole what is to be resumed, where the run is a part of something
   */
  static async create(path: string, record: RunRecord, files: FileSystem, whole?: string): Promise<RunFolder> {
    await expectFree(path, files);
    const run = new RunFolder(path, record, files, whole);
    await writing(path, elsewhere, () => files.makeFolder(run.path));
    await run.writeRecord(elsewhere);
    return run;
  }

  /**
   * Opens a folder that has a run in it.
   * @throws RunError `run/no-run` where there is none, `run/config` where its config cannot be read
   */
  static async open(path: string, files: FileSystem, whole?: string): Promise<RunFolder> {
    const config = `${path.replace(/\/+$/, '')}/config.json`;
    const found = await files.stat(config);
    if (found?.kind !== 'file') {
      throw new RunError('run/no-run', `${path} is no run: it has no config.json. Name a folder that finetune wrote.`, {
        details: { path },
      });
    }
    return new RunFolder(path, parseRunRecord(await readText(config, files), config), files, whole);
  }

  /** The same run on another engine; its config says so once it is written. */
  on(engine: RunRecord['engine']): RunFolder {
    return new RunFolder(this.path, { ...this.record, engine }, this.#files, this.#whole);
  }

  /**
   * Writes the config.
   * @param remedy what to do where that cannot be
   */
  async writeRecord(remedy = this.howToGoOn): Promise<void> {
    const bytes = new TextEncoder().encode(`${JSON.stringify(this.record, null, 2)}\n`);
    await writing(this.path, remedy, () => this.#files.write(`${this.path}/config.json`, [bytes]));
  }

  /** Adds a line to the metrics. */
  async appendMetrics(line: Readonly<Record<string, unknown>>): Promise<void> {
    const bytes = new TextEncoder().encode(`${JSON.stringify(line)}\n`);
    await writing(this.path, this.howToGoOn, () => this.#files.append(this.metrics, bytes));
  }

  async #metricsSize(): Promise<number> {
    return (await this.#files.stat(this.metrics))?.size ?? 0;
  }

  /**
   * Makes all lines of the metrics so far safe on disk: a checkpoint that counts on them must not outlive them.
   * @returns how many bytes they are
   */
  async syncMetrics(): Promise<number> {
    const size = await this.#metricsSize();
    if (size > 0) await writing(this.path, this.howToGoOn, () => this.#files.sync(this.metrics));
    return size;
  }

  /** Cuts the metrics off after `size` bytes, or after the last whole line before. */
  async cutMetrics(size: number): Promise<void> {
    const total = await this.#metricsSize();
    if (total === 0) return;
    const file = await this.#files.open(this.metrics);
    try {
      const piece = new Uint8Array(pieceBytes);
      let end = Math.min(size, total);
      while (end > 0) {
        const start = Math.max(0, end - pieceBytes);
        const bytes = piece.subarray(0, end - start);
        await file.read(start, bytes);
        const last = bytes.lastIndexOf(newline);
        end = start + last + 1;
        if (last >= 0) break;
      }
      if (end === total) return;
      const copy = async function* () {
        for (let start = 0; start < end; start += pieceBytes) {
          const bytes = piece.subarray(0, Math.min(pieceBytes, end - start));
          await file.read(start, bytes);
          yield bytes;
        }
      };
      await writing(this.path, this.howToGoOn, () => this.#files.write(this.metrics, copy()));
    } finally {
      await file.close();
    }
  }
}
