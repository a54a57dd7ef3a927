export { nodeFileSystem } from './file-system.js';
