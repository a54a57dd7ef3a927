import {
  BACKBONE,
  CHECKPOINT_FORMAT,
  type CheckpointReader,
  type Container,
  ENGINE,
  type FileSystem,
  type GraftError,
  type Graph,
  pick,
  planRestore,
  type RestoreRow,
  RunError,
  resolve,
} from '@graftjs/core';
import { type FeatureSource, stepsPerEpoch } from './batches.js';
import { checkClasses, pictureSize } from './check-inputs.js';
import { resolveClassWeights } from './class-weights.js';
import type { FeatureCache } from './feature-cache.js';
import { initialValue } from './initializers.js';
import type { Scores } from './metrics.js';
import { optimizers } from './optimizers/optimizers.js';
import type { PictureWorkers } from './picture-workers.js';
import { createPreprocessing } from './preprocessing/create-preprocessing.js';
import { selectTrainable } from './regimes.js';
import { openCheckpoint, restoreVariables } from './restore.js';
import { parseRunConfig, type RunConfig, type RunConfigInput, type RunRecord } from './run-config.js';
import { RunFolder } from './run-folder.js';
import type { RunOptions } from './run-options.js';
import { buildGraph, checkSameClasses, openRunData, type RunDataset, resolveModel } from './run-parts.js';
import { openRunSessions, type RunSessions } from './run-sessions.js';
import type { RunState } from './run-state.js';
import { Saver } from './saver.js';
import { createSchedule } from './schedules.js';
import { initialState, TrainingLoop } from './training-loop.js';
import { translateNames } from './translate-names.js';
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
  readonly metrics: Scores;
}

/** Things that have to be closed, last opened first. */
type Closing = (() => Promise<void>)[];

async function closingAll<T>(work: (closing: Closing) => Promise<T>): Promise<T> {
  const closing: Closing = [];
  try {
    return await work(closing);
  } finally {
    for (const close of closing.reverse()) await close();
  }
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

interface Start {
  /** By the graph's names. */
  readonly reader: CheckpointReader;
  readonly rows: readonly RestoreRow[];
}

/** Opens what a run's weights start from, and plans what is taken of it. */
async function openStart(
  config: RunConfig,
  graph: Graph,
  container: Container,
  { files, onEvent }: RunOptions,
  closing: Closing,
): Promise<Start | undefined> {
  if (!config.checkpoint) return undefined;
  const { path, ...selection } = config.checkpoint;
  const reader = await openCheckpoint(path, container, files);
  closing.push(() => reader.close());
  const { nameMaps } = resolve(container, BACKBONE, config.model.name);
  const translation = translateNames(reader, graph, nameMaps);
  const rows = planRestore(graph.variables, translation.reader.tensors, selection, translation.nameOf);
  onEvent?.({ type: 'restored', path, rows, translation });
  return { reader: translation.reader, rows };
}

/** Gives every variable its first value: the checkpoint's, or one drawn by the seed. */
async function writeStart(weights: Weights, start: Start | undefined, seed: number): Promise<void> {
  const restored = new Set(start?.rows.filter(({ status }) => status === 'restored').map(({ name }) => name));
  for (const variable of weights.graph.variables) {
    if (!restored.has(variable.name)) weights.write(variable.name, initialValue(variable, seed));
  }
  if (start) await restoreVariables(weights, start.reader, restored);
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

/** What the frozen part gives of both splits, computed where it is not known yet. */
async function prepareFeatures(
  { run, cache }: { run: RunFolder; cache: FeatureCache },
  { splits }: RunDataset,
  { onEvent, signal }: RunOptions,
): Promise<{ train: FeatureSource; test: FeatureSource }> {
  const prepare = (name: 'train' | 'test') => {
    const count = splits[name].labels.length;
    const onProgress = (done: number) => onEvent?.({ type: 'features', split: name, done, count });
    return cache.prepare(splits[name], { onProgress, ...(signal && { signal }) });
  };
  try {
    return { train: await prepare('train'), test: await prepare('test') };
  } catch (cause) {
    if (!signal?.aborted) throw cause;
    const message = `Stopped before a step was done. Go on with: graft finetune --resume ${run.path}`;
    throw new RunError('run/aborted', message, { cause, details: { run: run.path } });
  }
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
  const features = cache && (await prepareFeatures({ run, cache }, data, options));
  const preprocessing = createPreprocessing(run.record.augment);
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
    const graph = buildGraph({ model }, container);
    pictureSize(graph);
    checkClasses(graph, data.classes);
    const start = await openStart(config, graph, container, options, closing);
    const trained = selectTrainable(graph, config.train, start?.rows);
    const record: RunRecord = { ...config, model, classes: [...data.classes], trained };
    const workers = startRunWorkers(record, options, closing);
    const sessions = await openRunSessions(record, graph, container, pictures(data), options, workers);
    closing.push(() => sessions.close());
    await writeStart(sessions.weights, start, config.seed);
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
 * cut off. A run that was stopped before its first checkpoint begins again; one that is finished gives its result.
 * @throws as `finetune`; RunError `run/no-run`, `run/config`, `run/no-checkpoint`, `run/other-classes`
 */
export function resume(folder: string, container: Container, options: RunOptions): Promise<RunResult> {
  const { files, onEvent } = options;
  return closingAll(async (closing) => {
    const run = await RunFolder.open(folder, files);
    const lock = await RunFolder.lock(folder, files);
    closing.push(() => lock.release());
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
    await run.cutMetrics(state.metricsSize);
    return runLoop({ run, sessions, saver, workers }, data, state, options);
  });
}
