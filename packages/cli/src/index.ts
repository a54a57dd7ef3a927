export { type Composition, compose } from './compose.js';
export { type Conversion, convertCheckpoint } from './convert-checkpoint.js';
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
