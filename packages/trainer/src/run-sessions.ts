import {
  type Container,
  ENGINE,
  elementCount,
  type Graph,
  type MemoryUse,
  pick,
  resolve,
  type Session,
  splitGraph,
  sumOfSquares,
  type TrainingOptions,
  type TrainingSession,
} from '@graftjs/core';
import { batchStatisticsOf } from './batch-norm-policy.js';
import { imageSize } from './check-inputs.js';
import { checkMemory } from './check-memory.js';
import type { FrozenPrefix } from './events.js';
import { defaultLimit, FeatureCache, type FeatureCacheOptions, featureBytes } from './feature-cache.js';
import { withMovingAverages } from './moving-averages.js';
import { resolveMultipliers } from './multipliers.js';
import { optimizers } from './optimizers/optimizers.js';
import { type RecalibrationBatch, recalibrate, recalibrationTraining } from './recalibrate.js';
import type { RunRecord } from './run-config.js';
import type { RunOptions } from './run-options.js';
import type { RunTask } from './run-task.js';
import { joinWeights, type Weights } from './weights.js';

/** What a run's steps run on. */
export interface RunSessions {
  /** Takes images or, where there is a cache, the features that it gives. */
  readonly session: TrainingSession;
  /** What is restored and saved: all of the network, and what the optimizer keeps. */
  readonly weights: Weights;
  readonly frozen?: FrozenPrefix;
  readonly cache?: FeatureCache;
  /** Where the run does so before its first step: see `recalibrate`. */
  recalibrate?(batches: AsyncIterable<RecalibrationBatch>, onBatch: (images: number) => void): Promise<void>;
  close(): Promise<void>;
}

/** A training session of the suffix whose loss counts the prefix's weight decay too, as Slim does for frozen layers. */
function countingDecayOf(prefix: Session, session: TrainingSession, weightDecay: number): TrainingSession {
  let frozen: number | undefined;
  const squares = () =>
    prefix.graph.variables.reduce(
      (sum, { name, decayed }) => (decayed ? sum + sumOfSquares(prefix.read(name)) : sum),
      0,
    );
  return {
    ...session,
    decayLoss() {
      if (weightDecay === 0) return 0;
      frozen ??= (weightDecay * squares()) / 2;
      return session.decayLoss() + frozen;
    },
  };
}

function whyNot(record: RunRecord, bytes: number, { limit = defaultLimit }: FeatureCacheOptions): string | undefined {
  const { augment, batchNorm } = record;
  if (batchNorm === 'slim')
    return "batch normalization as 'slim' has frozen layers normalize by the batch and move their averages, so what they give changes";
  if (augment.some((name) => name !== 'none'))
    return `augmentation (${augment.join(', ')}) makes each image another one every time`;
  if (bytes > limit) return `they would take ${bytes} bytes, and the cache may have ${limit}`;
  return undefined;
}

function trainingOptions(record: RunRecord): TrainingOptions {
  const { trained: trainable, weightDecay, labelSmoothing, clipValue, clipNorm, multipliers } = record;
  const decay = record.movingAverageDecay;
  const optimizer = pick('optimizer', record.optimizer, optimizers)();
  return {
    trainable,
    optimizer: decay === undefined ? optimizer : withMovingAverages(optimizer, decay),
    batchStatistics: batchStatisticsOf(record.batchNorm),
    weightDecay,
    labelSmoothing,
    ...(clipValue !== undefined && { clipValue }),
    ...(clipNorm !== undefined && { clipNorm }),
    ...(multipliers && { multipliers: resolveMultipliers(trainable, multipliers) }),
  };
}

/**
 * Opens what a run trains on. Where the network begins with a frozen part, and features may be kept, that part is a session
 * of its own, and the training session takes what it gives.
 */
export async function openRunSessions(
  record: RunRecord,
  graph: Graph,
  container: Container,
  task: RunTask,
  { files, features: options, availableMemory }: Pick<RunOptions, 'files' | 'features' | 'availableMemory'>,
): Promise<RunSessions> {
  const engine = resolve(container, ENGINE, record.engine.name);
  const { weightDecay } = record;
  const training = trainingOptions(record);
  const where = { ...(record.engine.device !== undefined && { device: record.engine.device }) };
  const recalibrates = record.batchNorm === 'recalibrated';
  const whole = availableMemory === undefined ? undefined : await task.evaluationMemory?.();
  const check = async (...uses: readonly (Promise<MemoryUse> | undefined)[]) => {
    const known = (await Promise.all(uses)).filter((use) => use !== undefined);
    const stepping: MemoryUse = (examples) => known.reduce((sum, use) => sum + use(examples), 0);
    const other = recalibrationTraining(graph);
    const recalibrating = recalibrates ? await engine.trainingMemory?.(other.graph, other.training, where) : undefined;
    const use: MemoryUse = (examples) =>
      recalibrating ? Math.max(stepping(examples), stepping(0) + recalibrating(examples)) : stepping(examples);
    if (availableMemory !== undefined) checkMemory(graph, use, record.batchSize, availableMemory, whole);
  };
  const recalibrating = (weights: Weights): Pick<RunSessions, 'recalibrate'> =>
    recalibrates ? { recalibrate: (...args) => recalibrate(weights, engine, where, ...args) } : {};
  // Besides the steps, the session that trains predicts the test split, for which it needs no variables again, or one for whole
  // images does; and it saves, for which the largest variable is copied.
  const saving = 4 * Math.max(...graph.variables.map(({ shape }) => elementCount(shape)));
  const evaluating = async (of: Graph): Promise<MemoryUse> => {
    if (whole) return () => Math.max(saving, whole.bytes);
    const use = await engine.predictionMemory?.(of, where);
    return (examples) => (use ? Math.max(saving, use(examples) - use(0)) : saving);
  };
  // Under `slim` nothing stays the same; what would stay under `train` is what a user expects to be kept.
  const statistics = record.batchNorm === 'slim' ? 'trained' : training.batchStatistics;
  const split = options && splitGraph(graph, new Set(record.trained), statistics);
  let frozen: FrozenPrefix | undefined;
  if (options && split) {
    const { train, test } = task.prepared;
    const bytes = featureBytes(split.prefix, train.count) + featureBytes(split.prefix, test?.count ?? 0);
    const reason = whyNot(record, bytes, options);
    const point = Object.entries(graph.endPoints).find(([, node]) => node === split.prefix.output);
    frozen = { output: point?.[0] ?? split.prefix.output, bytes, ...(reason !== undefined && { reason }) };
    if (reason === undefined) {
      await check(
        engine.predictionMemory?.(split.prefix, where),
        engine.trainingMemory?.(split.suffix, training, where),
        evaluating(split.suffix),
      );
      const prefix = await engine.open(split.prefix, where);
      const suffix = await engine.openTraining(split.suffix, training, where);
      const weights = joinWeights(graph, prefix, suffix);
      return {
        session: countingDecayOf(prefix, suffix, training.optimizer.decoupledDecay ? 0 : weightDecay),
        weights,
        frozen,
        ...recalibrating(weights),
        cache: new FeatureCache({ session: prefix, files, options, size: imageSize(graph) }),
        async close() {
          await suffix.close();
          await prefix.close();
        },
      };
    }
  }
  await check(engine.trainingMemory?.(graph, training, where), evaluating(graph));
  const session = await engine.openTraining(graph, training, where);
  const rest = { ...(frozen && { frozen }), ...recalibrating(session) };
  return { session, weights: session, ...rest, close: () => session.close() };
}
