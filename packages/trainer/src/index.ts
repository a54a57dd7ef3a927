export { type BatchNormPolicy, batchNormPolicies } from './batch-norm-policy.js';
export {
  type BatchOptions,
  evaluationBatches,
  type FeatureSource,
  type ImageBatch,
  limitSplit,
  type MaskTrainingBatch,
  type MaskTrainingBatchOptions,
  maskTrainingBatches,
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
export { finetune, finetuneStages, resume } from './finetune.js';
export type { ImageJob, ImageWorkers } from './image-workers.js';
export { initialValue } from './initializers.js';
export { ClassificationMetrics, type Evaluation, type Scores } from './metrics.js';
export { mostLikelyClasses } from './most-likely-classes.js';
export { withMovingAverages } from './moving-averages.js';
export { resolveMultipliers } from './multipliers.js';
export { type OpenRun, type OpenRunOptions, openRun, runTarget, type TrainedRun } from './open-run.js';
export { adadelta } from './optimizers/adadelta.js';
export { adagrad } from './optimizers/adagrad.js';
export { adam, adamw } from './optimizers/adam.js';
export { ftrl } from './optimizers/ftrl.js';
export { momentum, nesterov, sgd } from './optimizers/gradient-descent.js';
export { optimizers } from './optimizers/optimizers.js';
export { rmsprop } from './optimizers/rmsprop.js';
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
export type { ClassifiedData, MaskedData } from './run-data.js';
export { RunFolder } from './run-folder.js';
export type { RunTarget } from './run-model.js';
export type { ResumeOptions, RunOptions } from './run-options.js';
export type { Stage, StagedResult } from './run-stages.js';
export type { RunState, StepScores } from './run-state.js';
export type { RunEvaluation, RunScores } from './run-task.js';
export { Saver, type SaverOptions } from './saver.js';
export { createSchedule, type ScheduleOptions } from './schedules.js';
export { type EvaluateMasksOptions, evaluateMasks, type SegmentedImage } from './segmentation/evaluate-masks.js';
export { type EvaluateRunMasksOptions, type OpenMaskRun, openMaskRun } from './segmentation/open-mask-run.js';
export { countPixels, type PixelCounts, resolvePixelWeights } from './segmentation/pixel-weights.js';
export { type SegmentOptions, segmentImage } from './segmentation/segment-image.js';
export { SizedNetwork } from './segmentation/sized-network.js';
export type { ViewOptions } from './segmentation/view-options.js';
export { type MaskScores, SegmentationMetrics, type SegmentationScores } from './segmentation-metrics.js';
export type { RunResult } from './start-run.js';
export { sourceNormalization, type TensorChange, type Translation, translateNames } from './translate-names.js';
