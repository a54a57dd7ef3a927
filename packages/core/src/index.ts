export type { CheckpointFormat, CheckpointReader, TensorInfo, TensorSource } from './checkpoint.js';
export { type DType, dtypeBytes, elementCount, formatShape, type Shape, sameShape } from './dtype.js';
export {
  CheckpointError,
  DataError,
  EngineError,
  GraftError,
  type GraftErrorOptions,
  GraphError,
  PluginError,
  pick,
  RunError,
  UsageError,
} from './errors.js';
export type { FileSystem, ReadableFile } from './files.js';
