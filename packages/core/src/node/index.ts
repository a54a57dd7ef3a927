export { type DiscoveredPlugin, discoverPlugins } from './discover-plugins.js';
export { nodeFileSystem } from './file-system.js';
