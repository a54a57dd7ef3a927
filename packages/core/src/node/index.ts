export { type DiscoveredPlugin, type DiscoveryOptions, discoverPlugins } from './discover-plugins.js';
export { nodeFileSystem } from './file-system.js';
