export { fnv1a, formulaPicture, formulaVariable, smoothPicture, uniform } from './formula.js';
