import { type FileSystem, RunError } from '@graftjs/core';
import { readText } from './read-text.js';
import { parseRunRecord, type RunRecord } from './run-config.js';

/** Bytes copied at once. */
const pieceBytes = 1 << 20;

const newline = 10;

/** A file system that refuses, as a `RunError` that names the folder. */
async function writing<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new RunError(
      'run/cannot-write',
      `The run folder ${path} cannot be written: ${(cause as Error).message}. Choose another folder, or make room in it.`,
      { cause, details: { path } },
    );
  }
}

/**
 * A run on disk: `config.json`, `metrics.jsonl` (a JSON object a line, one for each step and each evaluation) and
 * `checkpoints/`. Open one with `RunFolder.create` or `RunFolder.open`.
 */
export class RunFolder {
  readonly path: string;
  readonly record: RunRecord;
  readonly #files: FileSystem;

  private constructor(path: string, record: RunRecord, files: FileSystem) {
    this.path = path.replace(/(?<=.)\/+$/, '');
    this.record = record;
    this.#files = files;
  }

  /** The folder that the checkpoints are in. */
  get checkpoints(): string {
    return `${this.path}/checkpoints`;
  }

  get metrics(): string {
    return `${this.path}/metrics.jsonl`;
  }

  /**
   * Refuses a path where no run can begin: a file, or a folder with something in it.
   * @throws RunError `run/folder-taken`
   */
  static async checkFree(path: string, files: FileSystem): Promise<void> {
    const found = await files.stat(path);
    if (!found) return;
    const names = found.kind === 'folder' ? await files.list(path) : [];
    // Drafts of a run that was ended before it had a config are nothing to keep.
    if (found.kind === 'folder' && names.every((name) => name.endsWith('.tmp'))) return;
    const problem = names.includes('config.json')
      ? 'is a run already. Go on with it by --resume, or choose another folder.'
      : `is ${found.kind === 'file' ? 'a file' : 'not empty'}. Choose another folder.`;
    throw new RunError('run/folder-taken', `${path} ${problem}`, { details: { path } });
  }

  /** Makes the folder, which must be free, and writes its config. */
  static async create(path: string, record: RunRecord, files: FileSystem): Promise<RunFolder> {
    await RunFolder.checkFree(path, files);
    const run = new RunFolder(path, record, files);
    await writing(path, async () => {
      await files.makeFolder(run.path);
      await files.write(`${run.path}/config.json`, [new TextEncoder().encode(`${JSON.stringify(record, null, 2)}\n`)]);
    });
    return run;
  }

  /**
   * Opens a folder that has a run in it.
   * @throws RunError `run/no-run` where there is none, `run/config` where its config cannot be read
   */
  static async open(path: string, files: FileSystem): Promise<RunFolder> {
    const config = `${path.replace(/\/+$/, '')}/config.json`;
    const found = await files.stat(config);
    if (found?.kind !== 'file') {
      throw new RunError('run/no-run', `${path} is no run: it has no config.json. Name a folder that finetune wrote.`, {
        details: { path },
      });
    }
    return new RunFolder(path, parseRunRecord(await readText(config, files), config), files);
  }

  /** Adds a line to the metrics. */
  async appendMetrics(line: Readonly<Record<string, unknown>>): Promise<void> {
    const bytes = new TextEncoder().encode(`${JSON.stringify(line)}\n`);
    await writing(this.path, () => this.#files.append(this.metrics, bytes));
  }

  /** Bytes in the metrics so far. */
  async metricsSize(): Promise<number> {
    return (await this.#files.stat(this.metrics))?.size ?? 0;
  }

  /** Cuts the metrics off after `size` bytes, or after the last whole line before. */
  async cutMetrics(size: number): Promise<void> {
    const total = await this.metricsSize();
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
      await writing(this.path, () => this.#files.write(this.metrics, copy()));
    } finally {
      await file.close();
    }
  }
}
