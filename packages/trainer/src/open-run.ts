import {
  CHECKPOINT_FORMAT,
  type Container,
  ENGINE,
  type Engine,
  type FileSystem,
  type GraftError,
  type Graph,
  type Preprocessing,
  RunError,
  resolve,
  type Session,
  type SessionOptions,
  UsageError,
} from '@graftjs/core';
import { type CheckpointVariables, openVariables } from './checkpoint-variables.js';
import { createPreprocessing } from './preprocessing/create-preprocessing.js';
import type { RunRecord } from './run-config.js';
import { type ClassifiedData, checkSameClasses, openClassifiedData } from './run-data.js';
import { RunFolder } from './run-folder.js';
import { buildGraph, type RunTarget, targetOf } from './run-model.js';
import type { StepScores } from './run-state.js';
import { Saver } from './saver.js';
import { trainedFolder } from './stage-plan.js';

/** Which of a run's checkpoints, and where it is to run. */
export interface OpenRunOptions {
  readonly files: FileSystem;
  /** Default: `best` for a run with `earlyStop`, else `newest`, which is all that it has. */
  readonly checkpoint?: 'best' | 'newest';
  /** Default: the run's. */
  readonly engine?: string;
  /** Default: the run's for its own engine, else the engine's first. */
  readonly device?: string;
  /** Called for each checkpoint that cannot be read, before an older one is tried. */
  readonly onUnreadable?: (path: string, error: GraftError) => void;
}

/** What a run has trained, whatever it tells. */
export interface TrainedRun {
  readonly folder: string;
  readonly config: RunRecord;
  /** For images of the run's own size. */
  readonly graph: Graph;
  /** The step that the weights are of. */
  readonly step: number;
  /** The path of the checkpoint that they came from. */
  readonly checkpoint: string;
  /** On `test`, where the run has evaluated these weights. */
  readonly scores?: StepScores;
  /** Names, in the order of the network's outputs. */
  readonly classes: readonly string[];
  /** The weights once more, out of the checkpoint: they can be read when the session is closed. The caller closes them. */
  openVariables(): Promise<CheckpointVariables>;
  close(): Promise<void>;
}

/** A trained network that tells the class of an image, ready for use. */
export interface OpenRun extends TrainedRun {
  readonly session: Session;
  readonly preprocessing: Preprocessing;
  /** The data set that it was trained on, with its seed and limits; the caller closes it. */
  openDataset(): Promise<ClassifiedData>;
}

/** What the run in a folder has learned to tell: the class of an image, or of each pixel. */
export async function runTarget(
  folder: string,
  container: Container,
  { files }: Pick<OpenRunOptions, 'files'>,
): Promise<RunTarget> {
  const { record } = await RunFolder.open(await trainedFolder(folder, files), files);
  return targetOf(record.model, container);
}

/** A run's session with its weights, and what else of its kind can be opened. */
export interface RestoredRun {
  readonly run: TrainedRun;
  readonly session: Session;
  readonly engine: Engine;
  readonly where: SessionOptions;
  /** Gives another session the same weights. */
  restore(session: Session): Promise<void>;
}

/** Opens a run, which must tell what is wanted of it. */
export async function restoreRun(
  target: RunTarget,
  path: string,
  container: Container,
  options: OpenRunOptions,
): Promise<RestoredRun> {
  const { files, onUnreadable } = options;
  const folder = await RunFolder.open(await trainedFolder(path, files), files);
  const { record } = folder;
  if (targetOf(record.model, container) !== target) {
    const [found, wanted] = target === 'masks' ? ['an image', 'each pixel'] : ['each pixel', 'an image'];
    throw new UsageError(
      'usage/target',
      `${folder.path} tells the class of ${found}, and the class of ${wanted} is asked for. Accepted: a run of the other kind.`,
      { details: { run: folder.path, accepted: target } },
    );
  }
  if (options.checkpoint === 'best' && record.earlyStop === undefined) {
    throw new UsageError(
      'usage/checkpoint',
      `${folder.path} keeps no best checkpoint, since it was not to stop early. Accepted: newest.`,
    );
  }
  const engine = resolve(container, ENGINE, options.engine ?? record.engine.name);
  const device = options.device ?? (engine.name === record.engine.name ? record.engine.device : undefined);
  const where = device === undefined ? {} : { device };
  const format = resolve(container, CHECKPOINT_FORMAT, record.checkpointFormat);
  const graph = buildGraph(record, container);
  const saver = new Saver({ folder: folder.checkpoints, format, files });
  const prefer = options.checkpoint ?? (record.earlyStop === undefined ? 'newest' : 'best');
  const session = await engine.open(graph, where);
  try {
    const averages = record.movingAverageDecay !== undefined;
    const restored = await saver.restoreNewest(session, { prefer, averages, ...(onUnreadable && { onUnreadable }) });
    if (!restored) {
      throw new RunError(
        'run/no-checkpoint',
        `${folder.path} has no checkpoint yet. Let it train: graft finetune --resume ${path}`,
        { details: { run: folder.path } },
      );
    }
    const { step, state } = restored;
    const scores = [state.best, state.evaluation].find((found) => found?.step === step);
    const checkpoint = saver.pathOf(step);
    const run: TrainedRun = {
      folder: folder.path,
      config: record,
      graph,
      step,
      checkpoint,
      ...(scores && { scores }),
      openVariables: () => openVariables(checkpoint, format, files, averages),
      classes: record.classes,
      close: () => session.close(),
    };
    return { run, session, engine, where, restore: (other) => saver.restore(other, step, { averages }) };
  } catch (error) {
    await session.close();
    throw error;
  }
}

/** Gives a run's data set, which must have the run's classes. */
export async function withSameClasses<T extends { readonly classes: readonly string[]; close(): Promise<void> }>(
  { folder, classes }: TrainedRun,
  data: T,
): Promise<T> {
  try {
    checkSameClasses(folder, classes, data.classes);
    return data;
  } catch (error) {
    await data.close();
    throw error;
  }
}

/**
 * Opens what a run has trained, to be evaluated, used or exported: with its moving averages, where it keeps them. One that
 * tells the class of each pixel is opened by `openMaskRun`.
 * @throws RunError `run/no-run`, `run/config`, `run/no-checkpoint`; PluginError where a plugin of the run is missing;
 * UsageError `usage/target` where it tells something else
 */
export async function openRun(folder: string, container: Container, options: OpenRunOptions): Promise<OpenRun> {
  const { run, session } = await restoreRun('classes', folder, container, options);
  const { augment, dataset } = run.config;
  return {
    ...run,
    session,
    preprocessing: createPreprocessing(augment),
    openDataset: async () => withSameClasses(run, await openClassifiedData(dataset, container)),
  };
}
