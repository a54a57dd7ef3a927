export type { Backbone, BackboneOptions, Normalization } from './backbone.js';
export { type BatchStatistics, moveAverage, usesBatchStatistics } from './batch-statistics.js';
export {
  type BatchNormOptions,
  type Conv2dOptions,
  GraphBuilder,
  type PaddingRule,
  type PairOption,
  type PoolOptions,
  type Value,
} from './builder.js';
export type {
  CheckpointFormat,
  CheckpointReader,
  CheckpointWriteOptions,
  TensorInfo,
  TensorSource,
} from './checkpoint.js';
export { damagedCheckpoint, guardCheckpoint, unknownVariable } from './checkpoint-errors.js';
export { clipByValue, clipScale, squaresChunk, sumOfSquares } from './clip-gradients.js';
export type {
  Dataset,
  DatasetOptions,
  OpenDataset,
  Picture,
  PictureModule,
  PictureReader,
  Split,
} from './dataset.js';
export type { Archive, Download } from './download.js';
export { type DType, dtypeBytes, elementCount, formatShape, type Shape, safeElementCount, sameShape } from './dtype.js';
export type {
  Batch,
  BatchResult,
  DeviceReport,
  Engine,
  EngineReport,
  Lack,
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
  GraftError,
  type GraftErrorOptions,
  GraphError,
  PluginError,
  pick,
  RunError,
  UsageError,
} from './errors.js';
export type { FileLock, FileSystem, LockHolder, ReadableFile } from './files.js';
export type { Graph, GraphInput, Initializer, Variable } from './graph.js';
export type { ForeignInput, ForeignTensor, NameMap } from './name-map.js';
export * from './ops.js';
export type { Optimizer, OptimizerState, Schedule } from './optimizer.js';
export {
  BACKBONE,
  CHECKPOINT_FORMAT,
  type Container,
  createContainer,
  DATASET,
  DOWNLOAD,
  definePlugin,
  ENGINE,
  isPlugin,
  PICTURE_READER,
  type Plugin,
  registry,
  resolve,
  type Token,
} from './plugin.js';
export type { Preprocessing, Random } from './preprocessing.js';
export {
  formatRestoreTable,
  inScopes,
  planRestore,
  type RestoreRow,
  type RestoreSelection,
  selectScopes,
} from './scopes.js';
export { type SplitGraph, splitGraph } from './split-graph.js';
export {
  type GraphSummary,
  type LayerSummary,
  summarize,
} from './summary.js';
export { destination, sourceBytes, sourceStrings } from './tensor-bytes.js';
