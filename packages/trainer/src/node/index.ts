export { startImageWorkers } from './start-image-workers.js';
