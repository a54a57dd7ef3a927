export type { Tfjs } from './tfjs.js';
export { createTfjsEngine } from './tfjs-engine.js';
