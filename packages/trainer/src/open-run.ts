import {
  CHECKPOINT_FORMAT,
  type Container,
  ENGINE,
  type FileSystem,
  type GraftError,
  type Graph,
  type Preprocessing,
  RunError,
  resolve,
  type Session,
  UsageError,
} from '@graftjs/core';
import { type CheckpointVariables, openVariables } from './checkpoint-variables.js';
import { createPreprocessing } from './preprocessing/create-preprocessing.js';
import type { RunRecord } from './run-config.js';
import { RunFolder } from './run-folder.js';
import { buildGraph, checkSameClasses, openRunData, type RunDataset } from './run-parts.js';
import type { StepScores } from './run-state.js';
import { Saver } from './saver.js';

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

/** A trained network, ready for use. */
export interface OpenRun {
  readonly folder: string;
  readonly config: RunRecord;
  readonly graph: Graph;
  readonly session: Session;
  /** The step that the weights are of. */
  readonly step: number;
  /** The path of the checkpoint that they came from. */
  readonly checkpoint: string;
  /** On `test`, where the run has evaluated these weights. */
  readonly scores?: StepScores;
  /** Names, in the order of the network's outputs. */
  readonly classes: readonly string[];
  readonly preprocessing: Preprocessing;
  /** The weights once more, out of the checkpoint: they can be read when the session is closed. The caller closes them. */
  openVariables(): Promise<CheckpointVariables>;
  /** The data set that it was trained on, with its seed and limits; the caller closes it. */
  openDataset(): Promise<RunDataset>;
  close(): Promise<void>;
}

/**
 * Opens what a run has trained, to be evaluated, used or exported: with its moving averages, where it keeps them.
 * @throws RunError `run/no-run`, `run/config`, `run/no-checkpoint`; PluginError where a plugin of the run is missing
 */
export async function openRun(folder: string, container: Container, options: OpenRunOptions): Promise<OpenRun> {
  const { files, onUnreadable } = options;
  const run = await RunFolder.open(folder, files);
  const { record } = run;
  if (options.checkpoint === 'best' && record.earlyStop === undefined) {
    throw new UsageError(
      'usage/checkpoint',
      `${run.path} keeps no best checkpoint, since it was not to stop early. Accepted: newest.`,
    );
  }
  const engine = resolve(container, ENGINE, options.engine ?? record.engine.name);
  const device = options.device ?? (engine.name === record.engine.name ? record.engine.device : undefined);
  const format = resolve(container, CHECKPOINT_FORMAT, record.checkpointFormat);
  const graph = buildGraph(record, container);
  const saver = new Saver({ folder: run.checkpoints, format, files });
  const prefer = options.checkpoint ?? (record.earlyStop === undefined ? 'newest' : 'best');
  const session = await engine.open(graph, { ...(device !== undefined && { device }) });
  try {
    const averages = record.movingAverageDecay !== undefined;
    const restored = await saver.restoreNewest(session, { prefer, averages, ...(onUnreadable && { onUnreadable }) });
    if (!restored) {
      throw new RunError(
        'run/no-checkpoint',
        `${run.path} has no checkpoint yet. Let it train: graft finetune --resume ${run.path}`,
        { details: { run: run.path } },
      );
    }
    const { step, state } = restored;
    const scores = [state.best, state.evaluation].find((found) => found?.step === step);
    const checkpoint = saver.pathOf(step);
    return {
      folder: run.path,
      config: record,
      graph,
      session,
      step,
      checkpoint,
      ...(scores && { scores }),
      openVariables: () => openVariables(checkpoint, format, files, averages),
      classes: record.classes,
      preprocessing: createPreprocessing(record.augment),
      async openDataset() {
        const data = await openRunData(record.dataset, container);
        try {
          checkSameClasses(run.path, record.classes, data.classes);
        } catch (error) {
          await data.close();
          throw error;
        }
        return data;
      },
      close: () => session.close(),
    };
  } catch (error) {
    await session.close();
    throw error;
  }
}
