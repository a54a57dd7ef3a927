export { backboneContract } from './backbone-contract.js';
export { checkpointFormatContract } from './checkpoint-format-contract.js';
export { type ContractCase, check, checkClose, checkFails } from './contract.js';
export { datasetContract } from './dataset-contract.js';
export { engineContract } from './engine-contract.js';
export { fnv1a, formulaPicture, formulaVariable, smoothPicture, uniform } from './formula.js';
export { pretrainedContract } from './pretrained-contract.js';
export { crossEntropy, evaluateBatch, evaluateGraph } from './reference.js';
export { segmenterContract } from './segmenter-contract.js';
