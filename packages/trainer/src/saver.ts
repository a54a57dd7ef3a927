import {
  CheckpointError,
  type CheckpointFormat,
  type CheckpointReader,
  elementCount,
  type FileSystem,
  GraftError,
  RunError,
  type TensorSource,
} from '@graftjs/core';
import { averageOr } from './checkpoint-variables.js';
import { firstNotFinite } from './first-not-finite.js';
import { restoreVariables } from './restore.js';
import { type RunState, readRunState, writeRunState } from './run-state.js';
import type { Weights } from './weights.js';

/** A file of a checkpoint, or a draft of one, by TensorFlow's way of naming them. */
const filePattern = /^model\.ckpt-(\d+)(?:\.|-\d{5}-of-\d{5}|$)/;

const stateSuffix = '.state.json';
const draftSuffix = '.tmp';
/** The code of a checkpoint without its state. */
const notWhole = 'checkpoint/not-whole';

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

/** What a saver's folder has of a step's checkpoint, drafts left aside. */
interface Found {
  readonly step: number;
  /** Whether its state is there. */
  readonly whole: boolean;
}

/** All weights, as TensorFlow would have saved it. */
function* tensorsOf(weights: Weights, step: number): Generator<TensorSource> {
  // One array for all of them, one after the other: the largest may be a third of the network.
  const room = new Float32Array(Math.max(...Array.from(weights.variables.values(), elementCount)));
  for (const [name, shape] of weights.variables) {
    const read = () => {
      const values = weights.read(name, room.subarray(0, elementCount(shape)));
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

/** Refuses a checkpoint whose `global_step` is not the step that it goes by. */
async function checkStep(reader: CheckpointReader, step: number): Promise<void> {
  const bytes = reader.tensors.get('global_step')?.dtype === 'int64' ? await reader.read('global_step') : undefined;
  const found = bytes?.length === 8 ? new DataView(bytes.buffer, bytes.byteOffset).getBigInt64(0, true) : undefined;
  if (found === BigInt(step)) return;
  throw new CheckpointError(
    'checkpoint/other-step',
    `global_step is ${found ?? 'missing'} in the checkpoint of step ${step}. Do not rename checkpoints of a run.`,
    { details: { received: found, accepted: step } },
  );
}

/** What the file system said, below what a format made of it. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return GraftError.isInstance(error) && cause instanceof Error ? cause.message : message;
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
    return (await this.#found()).filter(({ whole }) => whole).map(({ step }) => step);
  }

  /** Everything that is there, by its step, upwards. */
  async #found(): Promise<Found[]> {
    const states = new Map<number, boolean>();
    for (const name of await this.#names()) {
      const match = filePattern.exec(name);
      if (!match || name.endsWith(draftSuffix)) continue;
      const step = Number(match[1]);
      states.set(step, name.endsWith(stateSuffix) || states.get(step) === true);
    }
    return [...states].map(([step, whole]) => ({ step, whole })).sort((a, b) => a.step - b.step);
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
    await this.#writing(path, async () => {
      await this.#files.makeFolder(this.#folder);
      await this.#saveWhole(path, weights, state).catch(async (error: unknown) => {
        await this.#removeStep(state.step).catch(() => {});
        throw error;
      });
      await this.#tidy(state, keepBest);
    });
    return path;
  }

  /**
   * Does what is left of a save that was ended once its checkpoint was whole.
   * @param state the one that was saved
   * @throws RunError `run/cannot-write`
   */
  async finishSave(state: RunState, { keepBest = false } = {}): Promise<void> {
    await this.#writing(this.pathOf(state.step), () => this.#tidy(state, keepBest));
  }

  async #writing(path: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (cause) {
      if (GraftError.isInstance(cause) && cause.code.startsWith('run/')) throw cause;
      throw new RunError(
        'run/cannot-write',
        `${path} cannot be written: ${reasonOf(cause)}. The checkpoints before it are as they were.`,
        { cause, details: { path } },
      );
    }
  }

  async #saveWhole(path: string, weights: Weights, state: RunState): Promise<void> {
    await this.#files.remove(`${path}${stateSuffix}`);
    await this.#write(path, weights, state.step);
    await writeRunState(`${path}${stateSuffix}`, state, this.#files);
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

  async #tidy(state: RunState, keepBest: boolean): Promise<void> {
    const newest = state.step;
    const best = keepBest ? state.best?.step : undefined;
    const upToNow = (await this.steps()).filter((step) => step <= newest);
    const kept = upToNow.filter((step, index) => index >= upToNow.length - this.#keep || step === best);
    await this.#format.writeState?.(
      this.#folder,
      kept.map((step) => this.pathOf(step)),
      this.#files,
    );
    const leaving = (await this.#names()).filter((name) => {
      const match = filePattern.exec(name);
      return name.endsWith(draftSuffix) || (match && !kept.includes(Number(match[1])));
    });
    await this.#remove(leaving);
  }

  /** Removes files, the states first, so that what is left half removed does not count. */
  async #remove(names: readonly string[]): Promise<void> {
    const order = [...names].sort((a, b) => Number(b.endsWith(stateSuffix)) - Number(a.endsWith(stateSuffix)));
    for (const name of order) await this.#files.remove(`${this.#folder}/${name}`);
  }

  /** Removes what there is of a step. */
  async #removeStep(step: number): Promise<void> {
    await this.#remove((await this.#names()).filter((name) => Number(filePattern.exec(name)?.[1]) === step));
  }

  /** Removes all checkpoints and drafts, for a run that begins again. */
  async clear(): Promise<void> {
    await this.#remove((await this.#names()).filter((name) => filePattern.test(name) || name.endsWith(draftSuffix)));
  }

  /**
   * Copies a step's checkpoint into weights: variables, and in a training session slots and scalars.
   * @param averages gives variables their moving average where the checkpoint has one
   */
  async restore(weights: Weights, step: number, { averages = false } = {}): Promise<void> {
    const reader = await this.#format.open(this.pathOf(step), this.#files);
    const nameOf = averages ? averageOr(reader) : undefined;
    try {
      await checkStep(reader, step);
      await restoreVariables(weights, reader, weights.variables.keys(), nameOf);
    } finally {
      await reader.close();
    }
  }

  /**
   * Restores the newest checkpoint that can be read, or the best as the newest state has it. The folder may be that of a run
   * that goes on: what is saved and removed meanwhile is followed.
   * @param averages as in `restore`
   * @param onUnreadable called for each that cannot be used, before another is tried: damaged ones, and those without a state
   * @returns the state that was saved with the newest, and the step that was restored; undefined where there is no
   * checkpoint, or one alone and that not whole, as a run leaves it that is ended while it first saves
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
    const failures = new Map<number, GraftError>();
    const fail = async (step: number, error: unknown) => {
      if (!GraftError.isInstance(error)) throw error;
      failures.set(step, error);
      // One that was removed since, by the run that goes on, is no damage.
      if ((await this.#found()).some((found) => found.step === step)) onUnreadable?.(this.pathOf(step), error);
    };
    const untried = async () => (await this.#found()).findLast(({ step }) => !failures.has(step));
    for (let found = await untried(); found; found = await untried()) {
      try {
        if (!found.whole) throw this.#notWhole(found.step);
        const state = await readRunState(`${this.pathOf(found.step)}${stateSuffix}`, this.#files);
        const best = prefer === 'best' ? state.best?.step : undefined;
        for (const step of best === undefined ? [found.step] : [best, found.step]) {
          if (failures.has(step)) continue;
          try {
            await this.restore(weights, step, { averages });
            return { state, step };
          } catch (error) {
            await fail(step, error);
          }
        }
      } catch (error) {
        await fail(found.step, error);
      }
    }
    const [first, ...others] = failures.values();
    if (!first || (others.length === 0 && first.code === notWhole)) return undefined;
    const messages = [...failures.values()].map(({ message }) => message);
    throw new RunError(
      'run/no-checkpoint',
      `None of the checkpoints in ${this.#folder} can be read:\n  ${messages.join('\n  ')}\nBegin the run anew in another folder.`,
      { details: { folder: this.#folder, failures: messages } },
    );
  }

  #notWhole(step: number): CheckpointError {
    const path = this.pathOf(step);
    return new CheckpointError(
      notWhole,
      `${path} is not whole: it has no ${stateSuffix}, which is written last. It is being saved, or the run was ended while it was, or the file is gone.`,
      { details: { path } },
    );
  }
}
