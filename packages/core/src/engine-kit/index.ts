export { checkInputs } from './check-inputs.js';
export { cut } from './cut.js';
export { dropoutMask } from './dropout-mask.js';
export { type LabelBatch, labelBatch } from './label-batch.js';
export { createPauses, type Pause } from './pauses.js';
export { type GraphRunner, sessionOf } from './session-of.js';
export { TrainedVariables } from './trained-variables.js';
export { logitsOf, nodesThatLearn, ownStatisticsOf } from './training-plan.js';
export { slimLayout, type ValueHolder, type VariableLayout, VariableStore } from './variable-store.js';
