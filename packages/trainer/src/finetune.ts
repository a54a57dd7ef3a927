import {
  BACKBONE,
  CHECKPOINT_FORMAT,
  type Container,
  ENGINE,
  type FileSystem,
  type GraftError,
  type Graph,
  pick,
  RunError,
  resolve,
  withNormalization,
} from '@graftjs/core';
import { applyBatchNormPolicy } from './batch-norm-policy.js';
import { prepareFeatures, recalibrateRun } from './before-steps.js';
import { checkFolded } from './check-folded.js';
import { checkClasses, pictureSize } from './check-inputs.js';
import { resolveClassWeights } from './class-weights.js';
import { type Closing, closingAll } from './closing-all.js';
import { initialValue } from './initializers.js';
import type { Scores } from './metrics.js';
import { optimizers } from './optimizers/optimizers.js';
import type { PictureWorkers } from './picture-workers.js';
import { stepsPerEpoch } from './plan-batches.js';
import { createPreprocessing } from './preprocessing/create-preprocessing.js';
import { selectTrainable } from './regimes.js';
import { restoreVariables } from './restore.js';
import { parseRunConfig, type RunConfig, type RunConfigInput, type RunRecord } from './run-config.js';
import { RunFolder } from './run-folder.js';
import type { RunOptions } from './run-options.js';
import { buildGraph, checkSameClasses, openRunData, type RunDataset, resolveModel } from './run-parts.js';
import { openRunSessions, type RunSessions } from './run-sessions.js';
import type { RunState, StepScores } from './run-state.js';
import { Saver } from './saver.js';
import { createSchedule } from './schedules.js';
import { openStartingWeights, type StartingWeights } from './starting-weights.js';
import { initialState, TrainingLoop } from './training-loop.js';
import type { Weights } from './weights.js';

/** What a run came to. */
export interface RunResult {
  /** Its folder. */
  readonly run: string;
  /** Updates done. */
  readonly steps: number;
  /** Of the last step, without weight decay. */
  readonly loss: number;
  /** On `test`, of the weights that `openRun` opens: with `earlyStop` the best, else the last. */
  readonly metrics: Scores & Pick<StepScores, 'modes'>;
}

const pictures = ({ splits: { train, test } }: RunDataset): number[] => [train.labels.length, test.labels.length];

/** Everything of a config that can be wrong without a look at data: unknown names are errors here. */
function resolveParts(config: RunConfig, container: Container) {
  return {
    backbone: resolve(container, BACKBONE, config.model.name),
    engine: resolve(container, ENGINE, config.engine.name),
    format: resolve(container, CHECKPOINT_FORMAT, config.checkpointFormat),
    optimizer: pick('optimizer', config.optimizer, optimizers)(),
    preprocessing: createPreprocessing(config.augment),
  };
}

/** Steps and learning rates of a whole run. */
function planSteps(config: RunConfig, data: RunDataset) {
  const epochSteps = stepsPerEpoch(data.splits.train.labels.length, config.batchSize, config.accumulate);
  const totalSteps = config.steps ?? config.epochs! * epochSteps;
  return { epochSteps, totalSteps, schedule: createSchedule(config.schedule, { ...config, totalSteps }) };
}

/** What a run's weights start from; without a reader all begins anew. */
type Start = Pick<StartingWeights, 'rows' | 'normalization'> & Partial<StartingWeights>;

/** What resuming a run may be told besides. */
export interface ResumeOptions extends RunOptions {
  /** Where it goes on from now on, if not where it was: a name alone stands for that engine's first device. */
  readonly engine?: { readonly name?: string; readonly device?: string };
}

/** Opens what a run's weights start from, and plans what is taken of it. */
async function openStart(
  { model, checkpoint }: RunConfig,
  graph: Graph,
  container: Container,
  { files, onEvent }: RunOptions,
  closing: Closing,
): Promise<Start> {
  if (!checkpoint) return { rows: [] };
  const start = await openStartingWeights({ model, checkpoint }, graph, container, files);
  const { reader, ...taken } = start;
  closing.push(() => reader.close());
  onEvent?.({ type: 'restored', path: checkpoint.path, ...taken });
  return start;
}

/** Gives every variable its first value: the checkpoint's, or one drawn by the seed. */
async function writeStart(weights: Weights, { reader, rows }: Start, seed: number): Promise<void> {
  const restored = new Set(rows.filter(({ status }) => status === 'restored').map(({ name }) => name));
  for (const variable of weights.graph.variables) {
    if (!restored.has(variable.name)) weights.write(variable.name, initialValue(variable, seed));
  }
  if (reader) await restoreVariables(weights, reader, restored);
}

/** Who prepares a run's pictures: threads where they can be started, else this one, with so many read at the same time. */
function startRunWorkers(
  { workers }: Pick<RunRecord, 'workers'>,
  { startWorkers }: RunOptions,
  closing: Closing,
): number | PictureWorkers | undefined {
  if (workers === 0 || !startWorkers) return workers || undefined;
  const threads = startWorkers(workers);
  closing.push(() => threads.close());
  return threads;
}

interface RunningParts {
  readonly run: RunFolder;
  readonly saver: Saver;
  readonly sessions: RunSessions;
  readonly workers: number | PictureWorkers | undefined;
}

/** The loop, once the session holds its weights. */
async function runLoop(
  { run, saver, sessions, workers }: RunningParts,
  data: RunDataset,
  state: RunState,
  options: RunOptions,
): Promise<RunResult> {
  const { onEvent, signal } = options;
  const { session, weights, frozen, cache } = sessions;
  const { train, test } = data.splits;
  const { epochSteps, totalSteps, schedule } = planSteps(run.record, data);
  onEvent?.({
    type: 'start',
    folder: run.path,
    config: run.record,
    graph: weights.graph,
    step: state.step,
    totalSteps,
    stepsPerEpoch: epochSteps,
    counts: { train: train.labels.length, test: test.labels.length },
    skipped: data.skipped,
  });
  if (frozen) onEvent?.({ type: 'frozen', ...frozen });
  const preprocessing = createPreprocessing(run.record.augment);
  if (state.step === 0) await recalibrateRun({ run, sessions, workers }, preprocessing, data, options);
  const features = cache && (await prepareFeatures({ run, cache }, data, options));
  const classWeights = resolveClassWeights(run.record.classWeights, data.classes, train.labels);
  const weighting = classWeights && { classWeights };
  const optional = {
    ...weighting,
    ...(features && { features }),
    ...(workers !== undefined && { workers }),
    ...(onEvent && { onEvent }),
    ...(signal && { signal }),
  };
  const parts = { run, saver, session, weights, schedule, preprocessing, train, test, totalSteps, ...optional };
  const loop = new TrainingLoop(parts, state);
  const end = await loop.run();
  const { step: _, ...metrics } = (run.record.earlyStop === undefined ? end.evaluation : end.best)!;
  return { run: run.path, steps: end.step, loss: end.loss, metrics };
}

function saverOf(run: RunFolder, container: Container, files: FileSystem): Saver {
  const format = resolve(container, CHECKPOINT_FORMAT, run.record.checkpointFormat);
  return new Saver({ folder: run.checkpoints, format, files });
}

/**
 * Trains a network on a data set and writes a run folder. Everything that can be wrong with the config, the data, the
 * checkpoint and the folder is an error before anything is written. It evaluates on `test` at the end of each epoch
 * (`evalEvery`), saves after each evaluation (`saveEvery`), and does both at the end.
 * @param options.folder where the run goes: a folder that is empty or not there
 * @throws UsageError, PluginError, DataError, CheckpointError, EngineError by what is wrong; RunError `run/folder-taken`,
 * `run/in-use` (another process trains there), `run/cannot-write`, `run/aborted` (by the signal; the run can be resumed),
 * `run/not-finite` (the loss is no number any more), `run/memory` (it would take more than `availableMemory`)
 */
export function finetune(
  input: RunConfigInput,
  container: Container,
  options: RunOptions & { readonly folder: string },
): Promise<RunResult> {
  const { files, folder } = options;
  return closingAll(async (closing) => {
    const config = parseRunConfig(input);
    const { backbone, format } = resolveParts(config, container);
    if (!format.write) {
      throw new RunError('run/format-cannot-write', `The checkpoint format ${format.name} can only be read.`);
    }
    await RunFolder.checkFree(folder, files);
    const data = await openRunData(config.dataset, container);
    closing.push(() => data.close());
    const model = resolveModel(config, backbone, data.classes.length);
    planSteps(config, data);
    resolveClassWeights(config.classWeights, data.classes, data.splits.train.labels);
    const own = buildGraph({ model }, container);
    pictureSize(own);
    checkClasses(own, data.classes);
    const start = await openStart(config, own, container, options, closing);
    const { rows, normalization } = start;
    const graph = normalization ? withNormalization(own, normalization) : own;
    const record: RunRecord = {
      ...config,
      model: { ...model, ...(normalization && { normalization }) },
      classes: [...data.classes],
      trained: applyBatchNormPolicy(graph, selectTrainable(graph, config.train, rows), config.batchNorm),
    };
    const workers = startRunWorkers(record, options, closing);
    const sessions = await openRunSessions(record, graph, container, pictures(data), options, workers);
    closing.push(() => sessions.close());
    await writeStart(sessions.weights, start, config.seed);
    checkFolded(sessions.weights, record.trained, record.batchNorm);
    const lock = await RunFolder.lock(folder, files);
    closing.push(() => lock.release());
    const run = await RunFolder.create(folder, record, files);
    const parts = { run, sessions, workers, saver: saverOf(run, container, files) };
    return runLoop(parts, data, initialState(config.seed), options);
  });
}

/**
 * Goes on with a run from its newest checkpoint that can be read, to the same end as if it had never stopped: each later
 * step gets the batch, the learning rate and the weights that it would have had. What the metrics hold of later steps is
 * cut off. A run that was stopped before its first checkpoint begins again; one that is finished gives its result. On another
 * engine it comes as near to that end as the two engines' rounding allows.
 * @throws as `finetune`; RunError `run/no-run`, `run/config`, `run/no-checkpoint`, `run/other-classes`
 */
export function resume(folder: string, container: Container, options: ResumeOptions): Promise<RunResult> {
  const { files, onEvent, engine } = options;
  return closingAll(async (closing) => {
    const found = await RunFolder.open(folder, files);
    const lock = await RunFolder.lock(folder, files);
    closing.push(() => lock.release());
    const run = engine ? found.on({ name: found.record.engine.name, ...engine }) : found;
    const { record } = run;
    resolveParts(record, container);
    const data = await openRunData(record.dataset, container);
    closing.push(() => data.close());
    checkSameClasses(run.path, record.classes, data.classes);
    const graph = buildGraph(record, container);
    const workers = startRunWorkers(record, options, closing);
    const sessions = await openRunSessions(record, graph, container, pictures(data), options, workers);
    const { weights } = sessions;
    closing.push(() => sessions.close());
    const saver = saverOf(run, container, files);
    const onUnreadable = (path: string, error: GraftError) => onEvent?.({ type: 'unreadable', path, error });
    const restored = await saver.restoreNewest(weights, { onUnreadable });
    if (!restored) {
      await saver.clear();
      await writeStart(weights, await openStart(record, graph, container, options, closing), record.seed);
    }
    const state = restored?.state ?? initialState(record.seed);
    if (engine) await run.writeRecord();
    await run.cutMetrics(state.metricsSize);
    return runLoop({ run, sessions, saver, workers }, data, state, options);
  });
}
