export { type BatchNormPolicy, batchNormPolicies } from './batch-norm-policy.js';
export {
  type BatchOptions,
  evaluationBatches,
  type FeatureSource,
  limitSplit,
  type MaskTrainingBatch,
  type MaskTrainingBatchOptions,
  maskTrainingBatches,
  type PictureBatch,
  type TrainingBatch,
  type TrainingBatchOptions,
  trainingBatches,
} from './batches.js';
export { type ClassWeights, resolveClassWeights } from './class-weights.js';
export type { ModeComparison } from './compare-modes.js';
export { type Classifier, type EvaluateOptions, evaluate } from './evaluate.js';
export {
  type CheckpointEvaluation,
  type EvaluateCheckpointOptions,
  evaluateCheckpoint,
} from './evaluate-checkpoint.js';
export type { FrozenPrefix, RunEvent } from './events.js';
export { type ExportResult, type ExportRunOptions, exportRun } from './export-run.js';
export type { ExportStage } from './export-stages.js';
export { FeatureCache, type FeatureCacheOptions } from './feature-cache.js';
export { finetune, type ResumeOptions, type RunResult, resume } from './finetune.js';
export { initialValue } from './initializers.js';
export { ClassificationMetrics, type Evaluation, type Scores } from './metrics.js';
export { mostLikelyClasses } from './most-likely-classes.js';
export { withMovingAverages } from './moving-averages.js';
export { resolveMultipliers } from './multipliers.js';
export { type OpenRun, type OpenRunOptions, openRun } from './open-run.js';
export { adadelta } from './optimizers/adadelta.js';
export { adagrad } from './optimizers/adagrad.js';
export { adam, adamw } from './optimizers/adam.js';
export { ftrl } from './optimizers/ftrl.js';
export { momentum, nesterov, sgd } from './optimizers/gradient-descent.js';
export { optimizers } from './optimizers/optimizers.js';
export { rmsprop } from './optimizers/rmsprop.js';
export type { PictureJob, PictureWorkers } from './picture-workers.js';
export { stepsPerEpoch } from './plan-batches.js';
export { type Prediction, type PredictOptions, predict } from './predict.js';
export { createMaskPreprocessing } from './preprocessing/create-mask-preprocessing.js';
export { createPreprocessing } from './preprocessing/create-preprocessing.js';
export { createRandom, shuffled } from './random.js';
export { type Regime, selectTrainable } from './regimes.js';
export { findFormat, openCheckpoint, restoreVariables } from './restore.js';
export {
  type CheckpointConfig,
  type CheckpointConfigInput,
  parseCheckpointConfig,
  parseRunConfig,
  parseRunRecord,
  type RunConfig,
  type RunConfigInput,
  type RunRecord,
} from './run-config.js';
export { RunFolder } from './run-folder.js';
export type { RunOptions } from './run-options.js';
export type { RunDataset } from './run-parts.js';
export type { RunState, StepScores } from './run-state.js';
export { Saver, type SaverOptions } from './saver.js';
export { createSchedule, type ScheduleOptions } from './schedules.js';
export { SegmentationMetrics, type SegmentationScores } from './segmentation-metrics.js';
export { sourceNormalization, type TensorChange, type Translation, translateNames } from './translate-names.js';
