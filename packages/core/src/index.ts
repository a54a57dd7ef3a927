export type { Backbone, BackboneOptions, DenseLayer, FeatureLevel } from './backbone.js';
export { type BatchStatistics, moveAverage, usesBatchStatistics } from './batch-statistics.js';
export { GraphBuilder, type Value } from './builder.js';
export type {
  CheckpointFormat,
  CheckpointReader,
  CheckpointWriteOptions,
  NetworkMatch,
  TensorInfo,
  TensorSource,
} from './checkpoint.js';
export { damagedCheckpoint, guardCheckpoint, unknownVariable } from './checkpoint-errors.js';
export { clipByValue, clipScale, squaresChunk, sumOfSquares } from './clip-gradients.js';
export {
  type Dataset,
  type DatasetOptions,
  type Image,
  type ImageModule,
  type ImageReader,
  type ImageSource,
  type MaskDataset,
  type MaskedImage,
  type MaskSplit,
  type OpenDataset,
  type Split,
  voidLabel,
} from './dataset.js';
export type { Archive, Download, Pretrained } from './download.js';
export { type DType, dtypeBytes, elementCount, formatShape, type Shape, safeElementCount, sameShape } from './dtype.js';
export type {
  Batch,
  BatchResult,
  DeviceReport,
  Engine,
  EngineReport,
  Lack,
  MaskBatch,
  MemoryUse,
  Session,
  SessionOptions,
  TrainingOptions,
  TrainingSession,
} from './engine.js';
export {
  CheckpointError,
  DataError,
  DownloadError,
  EngineError,
  ExportError,
  GraftError,
  type GraftErrorOptions,
  GraphError,
  PluginError,
  pick,
  RunError,
  UsageError,
} from './errors.js';
export type {
  ExportedNetwork,
  Exporter,
  ExportOptions,
  ExportPrecision,
  TrainedNetwork,
  ValueRange,
} from './exporter.js';
export { ExternalFiles, folderOf } from './external-files.js';
export type { FileLock, FileSystem, LockHolder, ReadableFile } from './files.js';
export { type Float32Reader, float16ToFloat32, readingFloat32 } from './float32-reader.js';
export type { AuxiliaryOutput, Graph, GraphInput, Initializer, Variable } from './graph.js';
export { ilsvrc2012 } from './ilsvrc2012.js';
export type {
  BatchNormOptions,
  Conv2dOptions,
  Conv2dTransposeOptions,
  PoolOptions,
  SeparableConv2dOptions,
} from './layer-options.js';
export { createMemoryFiles } from './memory-files.js';
export type { ForeignInput, ForeignTensor, NameMap } from './name-map.js';
export { nodesFor, trainingNodes } from './nodes-for.js';
export { type Normalization, normalizationOf, withNormalization } from './normalization.js';
export * from './ops.js';
export type { Optimizer, OptimizerState, Schedule } from './optimizer.js';
export { padImages } from './pad-images.js';
export { type PaddingRule, type PairOption, pair, resolvePadding } from './padding.js';
export {
  BACKBONE,
  CHECKPOINT_FORMAT,
  type Container,
  createContainer,
  DATASET,
  DOWNLOAD,
  definePlugin,
  ENGINE,
  EXPORTER,
  IMAGE_READER,
  isPlugin,
  type Plugin,
  registry,
  resolve,
  SEGMENTER,
  type Token,
} from './plugin.js';
export type { MaskedValues, MaskPreprocessing, Preprocessing, PreprocessingStep, Random } from './preprocessing.js';
export {
  formatRestoreTable,
  inScopes,
  planRestore,
  type RestoreRow,
  type RestoreSelection,
  selectScopes,
} from './scopes.js';
export type { LearnedUpsampling, Segmenter, SegmenterOptions } from './segmenter.js';
export { type SlimCheckpoint, slimCheckpoint } from './slim-checkpoint.js';
export { type SplitGraph, splitGraph } from './split-graph.js';
export {
  type GraphSummary,
  type LayerSummary,
  summarize,
} from './summary.js';
export { destination, sourceBytes, sourceStrings } from './tensor-bytes.js';
