import { type CheckpointFormat, type FileSystem, GraftError, RunError, type TensorSource } from '@graftjs/core';
import { firstNotFinite } from './first-not-finite.js';
import { averageName } from './moving-averages.js';
import { restoreVariables } from './restore.js';
import { type RunState, readRunState, writeRunState } from './run-state.js';
import type { Weights } from './weights.js';

/** A file of a checkpoint, or a draft of one, by TensorFlow's way of naming them. */
const filePattern = /^model\.ckpt-(\d+)(?:\.|-\d{5}-of-\d{5}|$)/;

const stateSuffix = '.state.json';

/** Where and how a run's checkpoints are kept. */
export interface SaverOptions {
  /** A folder for them alone; made when the first is saved. */
  readonly folder: string;
  readonly format: CheckpointFormat;
  readonly files: FileSystem;
  /** How many of the newest stay. Default 5. */
  readonly keep?: number;
}

/** What restoring met: a checkpoint of the run that could not be used. */
export type OnUnreadable = (path: string, error: GraftError) => void;

/** All weights, as TensorFlow would have saved it. */
function* tensorsOf(weights: Weights, step: number): Generator<TensorSource> {
  for (const [name, shape] of weights.variables) {
    const read = () => {
      const values = weights.read(name);
      const wrong = firstNotFinite(values);
      if (wrong < 0) return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      throw new RunError(
        'run/not-finite',
        `${name} holds ${values[wrong]} after step ${step}, so nothing was saved: the training went wrong. ` +
          'Begin again with a lower learning rate.',
        { details: { name, step } },
      );
    };
    yield { name, dtype: 'float32', shape, read };
  }
  const globalStep = new Uint8Array(new BigInt64Array([BigInt(step)]).buffer);
  yield { name: 'global_step', dtype: 'int64', shape: [], read: () => globalStep };
}

/**
 * Keeps a training session's checkpoints, `model.ckpt-STEP`: variables, slots and the optimizer's scalars by TensorFlow's
 * names and `global_step`, and beside them `model.ckpt-STEP.state.json`. That is written last: a checkpoint without it does
 * not count, whatever else of it is there. The newest five stay, and the best of those that a run chooses among.
 */
export class Saver {
  readonly #folder: string;
  readonly #format: CheckpointFormat;
  readonly #files: FileSystem;
  readonly #keep: number;

  constructor({ folder, format, files, keep = 5 }: SaverOptions) {
    this.#folder = folder;
    this.#format = format;
    this.#files = files;
    this.#keep = keep;
  }

  /** The path of a step's checkpoint. */
  pathOf(step: number): string {
    return `${this.#folder}/model.ckpt-${step}`;
  }

  /** The steps that whole checkpoints are of, upwards. */
  async steps(): Promise<number[]> {
    const names = await this.#names();
    const whole = names.filter((name) => name.endsWith(stateSuffix) && filePattern.test(name));
    return whole.map((name) => Number(filePattern.exec(name)![1])).sort((a, b) => a - b);
  }

  async #names(): Promise<string[]> {
    const found = await this.#files.stat(this.#folder);
    return found?.kind === 'folder' ? this.#files.list(this.#folder) : [];
  }

  /**
   * Saves the weights. Then removes what is not kept: all but the newest, checkpoints of later steps (a run that
   * went back has left them), drafts and what is not whole.
   * @param keepBest keeps the checkpoint of `state.best` as well, however old
   * @returns its path
   * @throws RunError `run/not-finite` where a variable holds NaN or an infinity, `run/cannot-write`
   */
  async save(weights: Weights, state: RunState, { keepBest = false } = {}): Promise<string> {
    const path = this.pathOf(state.step);
    try {
      await this.#files.makeFolder(this.#folder);
      await this.#files.remove(`${path}${stateSuffix}`);
      await this.#write(path, weights, state.step);
      await writeRunState(`${path}${stateSuffix}`, state, this.#files);
      await this.#tidy(state.step, keepBest ? state.best?.step : undefined);
    } catch (cause) {
      if (GraftError.isInstance(cause)) throw cause;
      throw new RunError('run/cannot-write', `${path} cannot be written: ${(cause as Error).message}.`, {
        cause,
        details: { path },
      });
    }
    return path;
  }

  async #write(path: string, weights: Weights, step: number): Promise<void> {
    const { name, write } = this.#format;
    if (!write) {
      throw new RunError(
        'run/format-cannot-write',
        `The checkpoint format ${name} can only be read. Choose another for the run.`,
      );
    }
    await write.call(this.#format, path, tensorsOf(weights, step), this.#files);
  }

  async #tidy(newest: number, best: number | undefined): Promise<void> {
    const upToNow = (await this.steps()).filter((step) => step <= newest);
    const kept = upToNow.filter((step, index) => index >= upToNow.length - this.#keep || step === best);
    await this.#format.writeState?.(
      this.#folder,
      kept.map((step) => this.pathOf(step)),
      this.#files,
    );
    const leaving = (await this.#names()).filter((name) => {
      const match = filePattern.exec(name);
      return match && (!kept.includes(Number(match[1])) || name.endsWith('.tmp'));
    });
    // The states first, so that what is left half removed does not count.
    leaving.sort((a, b) => Number(b.endsWith(stateSuffix)) - Number(a.endsWith(stateSuffix)));
    for (const name of leaving) await this.#files.remove(`${this.#folder}/${name}`);
  }

  /**
   * Copies a step's checkpoint into weights: variables, and in a training session slots and scalars.
   * @param averages gives variables their moving average where the checkpoint has one
   */
  async restore(weights: Weights, step: number, { averages = false } = {}): Promise<void> {
    const reader = await this.#format.open(this.pathOf(step), this.#files);
    const nameOf = (variable: string): string => {
      const average = averageName(variable);
      return averages && reader.tensors.has(average) ? average : variable;
    };
    try {
      await restoreVariables(weights, reader, weights.variables.keys(), nameOf);
    } finally {
      await reader.close();
    }
  }

  /**
   * Restores the newest checkpoint that can be read, or the best as the newest state has it.
   * @param averages as in `restore`
   * @param onUnreadable called for each newer one that cannot be
   * @returns the state that was saved with the newest, and the step that was restored; undefined where there is no
   * checkpoint
   * @throws RunError `run/no-checkpoint` where there are some and none can be read
   */
  async restoreNewest(
    weights: Weights,
    {
      prefer = 'newest',
      averages = false,
      onUnreadable,
    }: { prefer?: 'newest' | 'best'; averages?: boolean; onUnreadable?: OnUnreadable } = {},
  ): Promise<{ state: RunState; step: number } | undefined> {
    const failures: string[] = [];
    for (const newest of (await this.steps()).reverse()) {
      try {
        const state = await readRunState(`${this.pathOf(newest)}${stateSuffix}`, this.#files);
        const step = prefer === 'best' && state.best ? state.best.step : newest;
        await this.restore(weights, step, { averages });
        return { state, step };
      } catch (error) {
        if (!GraftError.isInstance(error)) throw error;
        failures.push(error.message);
        onUnreadable?.(this.pathOf(newest), error);
      }
    }
    if (failures.length === 0) return undefined;
    throw new RunError(
      'run/no-checkpoint',
      `None of the checkpoints in ${this.#folder} can be read:\n  ${failures.join('\n  ')}\nBegin the run anew in another folder.`,
      { details: { folder: this.#folder, failures } },
    );
  }
}
