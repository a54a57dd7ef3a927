export { type ContractCase, check, checkClose, checkFails } from './contract.js';
export { engineContract } from './engine-contract.js';
export { fnv1a, formulaPicture, formulaVariable, smoothPicture, uniform } from './formula.js';
export { crossEntropy, evaluateGraph } from './reference.js';
