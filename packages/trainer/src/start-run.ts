import {
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
import { prepareFeatures, prepareTask, recalibrateRun } from './before-steps.js';
import { checkFolded } from './check-folded.js';
import { checkClasses, countOf } from './check-inputs.js';
import { createClassificationTask } from './classification-task.js';
import { type Closing, closingAll } from './closing-all.js';
import type { ImageWorkers } from './image-workers.js';
import { initialValue } from './initializers.js';
import type { Scores } from './metrics.js';
import { optimizers } from './optimizers/optimizers.js';
import { stepsPerEpoch } from './plan-batches.js';
import { selectTrainable } from './regimes.js';
import { restoreVariables } from './restore.js';
import { parseRunConfig, type RunConfig, type RunConfigInput, type RunRecord } from './run-config.js';
import { checkSameClasses, openClassifiedData, openMaskedData, type RunData } from './run-data.js';
import { RunFolder } from './run-folder.js';
import { buildGraph, resolveModel, targetOf } from './run-model.js';
import type { ResumeOptions, RunOptions } from './run-options.js';
import { openRunSessions, type RunSessions } from './run-sessions.js';
import type { RunState, StepScores } from './run-state.js';
import type { RunScores, RunTask } from './run-task.js';
import { Saver } from './saver.js';
import { createSchedule } from './schedules.js';
import { createSegmentationTask } from './segmentation/segmentation-task.js';
import { openStartingWeights, type StartingWeights } from './starting-weights.js';
import { initialState, TrainingLoop } from './training-loop.js';
import type { Weights } from './weights.js';

/** What a run came to; `M` is what its kind of network is measured by. */
export interface RunResult<M extends RunScores = Scores> {
  /** Its folder. */
  readonly run: string;
  /** Updates done. */
  readonly steps: number;
  /** Of the last step, without weight decay. */
  readonly loss: number;
  /** On `test`, of the weights that `openRun` opens: with `earlyStop` the best, else the last. */
  readonly metrics: M & Pick<StepScores, 'modes'>;
}

/** The same, and where to go on from. */
export interface EndedRun {
  readonly result: RunResult<RunScores>;
  /** The path of the checkpoint with the weights that `metrics` are of. */
  readonly checkpoint: string;
}

/** Everything of a config that can be wrong without a look at data: unknown names are errors here. */
function resolveParts(config: RunConfig, container: Container) {
  return {
    engine: resolve(container, ENGINE, config.engine.name),
    format: resolve(container, CHECKPOINT_FORMAT, config.checkpointFormat),
    optimizer: pick('optimizer', config.optimizer, optimizers)(),
  };
}

/** The data set of a run whose network tells the one or the other. */
const openData = (config: RunConfig, container: Container): Promise<RunData> =>
  targetOf(config.model, container) === 'masks'
    ? openMaskedData(config.dataset, container)
    : openClassifiedData(config.dataset, container);

/** What is learned from it. */
function createTask(
  record: RunRecord,
  graph: Graph,
  data: RunData,
  workers: number | ImageWorkers | undefined,
  container: Container,
): RunTask {
  return data.target === 'masks'
    ? createSegmentationTask(record, graph, data, workers, container)
    : createClassificationTask(record, graph, data, workers);
}

/** Steps and learning rates of a whole run. */
function planSteps(config: RunConfig, images: number) {
  const epochSteps = stepsPerEpoch(images, config.batchSize, config.accumulate);
  const totalSteps = config.steps ?? config.epochs! * epochSteps;
  return { epochSteps, totalSteps, schedule: createSchedule(config.schedule, { ...config, totalSteps }) };
}

/** What a run's weights start from; without a reader all begins anew. */
type Start = Pick<StartingWeights, 'rows' | 'normalization'> & Partial<StartingWeights>;

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

/** Who prepares a run's images: threads where they can be started, else this one, with so many read at the same time. */
function startRunWorkers(
  { workers }: Pick<RunRecord, 'workers'>,
  { startWorkers }: RunOptions,
  closing: Closing,
): number | ImageWorkers | undefined {
  if (workers === 0 || !startWorkers) return workers || undefined;
  const threads = startWorkers(workers);
  closing.push(() => threads.close());
  return threads;
}

interface RunningParts {
  readonly run: RunFolder;
  readonly saver: Saver;
  readonly sessions: RunSessions;
  readonly task: RunTask;
}

/** The loop, once the session holds its weights. */
async function runLoop(
  { run, saver, sessions, task }: RunningParts,
  data: RunData,
  state: RunState,
  options: RunOptions,
): Promise<EndedRun> {
  const { onEvent, signal } = options;
  const { session, weights, frozen, cache } = sessions;
  const { epochSteps, totalSteps, schedule } = planSteps(run.record, task.counts.train);
  onEvent?.({
    type: 'start',
    folder: run.path,
    config: run.record,
    graph: weights.graph,
    step: state.step,
    totalSteps,
    stepsPerEpoch: epochSteps,
    counts: task.counts,
    skipped: data.skipped,
  });
  if (frozen) onEvent?.({ type: 'frozen', ...frozen });
  await prepareTask(run, task, options);
  if (state.step === 0) await recalibrateRun({ run, sessions }, task, options);
  const features = cache && (await prepareFeatures({ run, cache }, task, options));
  const optional = { ...(features && { features }), ...(onEvent && { onEvent }), ...(signal && { signal }) };
  const loop = new TrainingLoop({ run, saver, session, weights, schedule, task, totalSteps, ...optional }, state);
  const end = await loop.run();
  const { step, ...metrics } = (run.record.earlyStop === undefined ? end.evaluation : end.best)!;
  return { result: { run: run.path, steps: end.step, loss: end.loss, metrics }, checkpoint: saver.pathOf(step) };
}

function saverOf(run: RunFolder, container: Container, files: FileSystem): Saver {
  const format = resolve(container, CHECKPOINT_FORMAT, run.record.checkpointFormat);
  return new Saver({ folder: run.checkpoints, format, files });
}

/** What a run is a part of. */
export interface WholeRun {
  /** The folder that is to be resumed. */
  readonly folder: string;
  /** Called when all is well, before anything is written. */
  begin?(): Promise<void>;
}

/** What `finetune` does, of a run that may be a part of something. */
export function startRun(
  input: RunConfigInput,
  container: Container,
  options: RunOptions & { readonly folder: string },
  whole?: WholeRun,
): Promise<EndedRun> {
  const { files, folder } = options;
  return closingAll(async (closing) => {
    const config = parseRunConfig(input);
    const { format } = resolveParts(config, container);
    if (!format.write) {
      throw new RunError('run/format-cannot-write', `The checkpoint format ${format.name} can only be read.`);
    }
    await RunFolder.checkFree(folder, files);
    const data = await openData(config, container);
    closing.push(() => data.close());
    const model = resolveModel(config, container, data.classes.length);
    planSteps(config, countOf(data.splits.train));
    const own = buildGraph({ model }, container);
    checkClasses(own, data.classes);
    const start = await openStart({ ...config, model }, own, container, options, closing);
    const { rows, normalization } = start;
    const graph = normalization ? withNormalization(own, normalization) : own;
    const record: RunRecord = {
      ...config,
      model: { ...model, ...(normalization && { normalization }) },
      classes: [...data.classes],
      trained: applyBatchNormPolicy(graph, selectTrainable(graph, config.train, rows), config.batchNorm),
    };
    const workers = startRunWorkers(record, options, closing);
    const task = createTask(record, graph, data, workers, container);
    const sessions = await openRunSessions(record, graph, container, task, options);
    closing.push(() => sessions.close());
    await writeStart(sessions.weights, start, config.seed);
    checkFolded(sessions.weights, record.trained, record.batchNorm);
    await whole?.begin?.();
    const lock = await RunFolder.lock(folder, files);
    closing.push(() => lock.release());
    const run = await RunFolder.create(folder, record, files, whole?.folder);
    const parts = { run, sessions, task, saver: saverOf(run, container, files) };
    return runLoop(parts, data, initialState(config.seed), options);
  });
}

/** What `resume` does, of a run that may be a part of something. */
export function resumeRun(
  folder: string,
  container: Container,
  options: ResumeOptions,
  whole?: WholeRun,
): Promise<EndedRun> {
  const { files, onEvent, engine } = options;
  return closingAll(async (closing) => {
    const found = await RunFolder.open(folder, files, whole?.folder);
    const lock = await RunFolder.lock(folder, files);
    closing.push(() => lock.release());
    const run = engine ? found.on({ name: found.record.engine.name, ...engine }) : found;
    const { record } = run;
    resolveParts(record, container);
    const data = await openData(record, container);
    closing.push(() => data.close());
    checkSameClasses(run.path, record.classes, data.classes);
    const graph = buildGraph(record, container);
    const workers = startRunWorkers(record, options, closing);
    const task = createTask(record, graph, data, workers, container);
    const sessions = await openRunSessions(record, graph, container, task, options);
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
    await whole?.begin?.();
    if (engine) await run.writeRecord();
    await run.cutMetrics(state.metricsSize);
    return runLoop({ run, sessions, saver, task }, data, state, options);
  });
}
