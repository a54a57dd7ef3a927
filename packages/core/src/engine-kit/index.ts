export { checkInputs, checkLabels } from './check-batch.js';
export { cut } from './cut.js';
export { dropoutMask } from './dropout-mask.js';
export { findNode } from './find-node.js';
export { createPauses, type Pause } from './pauses.js';
export { TrainedVariables } from './trained-variables.js';
export { classesOf, nodesThatLearn, ownStatisticsOf } from './training-plan.js';
export { slimLayout, type ValueHolder, type VariableLayout, VariableStore } from './variable-store.js';
