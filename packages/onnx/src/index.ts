export {
  batchExamples,
  batchValueNames,
  type JoinGraph,
  joinStatistics,
  joinSums,
  pieceShares,
} from './batch-statistics.js';
export { engineDims, GraphWriter, nameSoFar, valueName } from './graph-writer.js';
export { Layouts } from './layouts.js';
export { gradientThroughStatistics } from './lower-batch-norm.js';
export { isDense } from './lower-convolution.js';
export { isDisjoint } from './lower-pooling.js';
export type { GradientContext, Lowering, LoweringContext, Lowerings } from './lowering.js';
export { lowerings } from './lowerings.js';
export { encodeExternalData, encodeFile, encodeMetadata, fileSize, type OnnxFile } from './onnx-file.js';
export { OnnxGraph } from './onnx-graph.js';
export {
  type Attribute,
  blockedDomain,
  type Dimension,
  elementType,
  encodeModel,
  float,
  type OnnxConstant,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValue,
  onnxMessages,
  sentinel,
} from './onnx-proto.js';
export {
  type Arrangement,
  type Arrangements,
  type Arranging,
  arrangedDims,
  type Blocks,
  blocksOf,
  isHeavy,
} from './weight-arrangement.js';
