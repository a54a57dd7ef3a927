export { checkInputs } from './check-inputs.js';
export { cut } from './cut.js';
export { dropoutMask } from './dropout-mask.js';
export { findNode } from './find-node.js';
export { type LabelBatch, labelBatch } from './label-batch.js';
export { createPauses, type Pause } from './pauses.js';
export { TrainedVariables } from './trained-variables.js';
export { logitsOf, nodesThatLearn, ownStatisticsOf } from './training-plan.js';
export { slimLayout, type ValueHolder, type VariableLayout, VariableStore } from './variable-store.js';
