export { startPictureWorkers } from './start-picture-workers.js';
