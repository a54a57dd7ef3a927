export { type Composition, compose } from './compose.js';
export { type Conversion, type ConversionModel, convertCheckpoint } from './convert-checkpoint.js';
export { type Examination, examine } from './doctor/examine.js';
export type { CacheReport } from './doctor/examine-caches.js';
export type { EngineHealth } from './doctor/examine-engines.js';
export type { PluginReport } from './doctor/examine-plugins.js';
export type { SystemReport } from './doctor/examine-system.js';
export type { Problem } from './doctor/problem.js';
export { type InspectedTensor, type Inspection, inspectCheckpoint } from './inspect-checkpoint.js';
export {
  type ForwardOracle,
  type Oracle,
  type PreprocessingOracle,
  readOracle,
  type TrainingOracle,
} from './verify/oracle.js';
export { passes, type TensorCheck, tolerances, type Verification } from './verify/verification.js';
export { verifyOracle } from './verify/verify-oracle.js';
