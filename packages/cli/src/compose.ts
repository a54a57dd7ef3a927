import { type Container, createContainer } from '@graftjs/core';
import { type DiscoveredPlugin, discoverPlugins } from '@graftjs/core/node';

/** What the command works with. */
export interface Composition {
  readonly plugins: readonly DiscoveredPlugin[];
  /** Everything that the plugins bring. */
  readonly container: Container;
}

/** Finds the plugins of the project that `folder` is in, and puts what they bring into one container. */
export async function compose(folder: string = process.cwd()): Promise<Composition> {
  const plugins = await discoverPlugins(folder);
  return { plugins, container: createContainer(plugins.map(({ plugin }) => plugin)) };
}
