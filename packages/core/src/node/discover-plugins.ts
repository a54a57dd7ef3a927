import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { PluginError } from '../errors.js';
import { isPlugin, type Plugin } from '../plugin.js';

/** The keyword in a package.json that makes a package a plugin. */
const keyword = 'graft-plugin';

interface Manifest {
  readonly name?: string;
  readonly version?: string;
  readonly keywords?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** A plugin, and where it was found. */
export interface DiscoveredPlugin {
  readonly plugin: Plugin;
  /** The package's version; absent for one out of `graft.config`. */
  readonly version?: string;
  /** The package's folder or the config file. */
  readonly from: string;
}

async function readManifest(folder: string): Promise<Manifest | undefined> {
  const path = join(folder, 'package.json');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch {
    return undefined;
  }
  try {
    return JSON.parse(text) as Manifest;
  } catch (cause) {
    throw new PluginError('plugin/bad-manifest', `${path} is not JSON: ${(cause as Error).message}`, { cause });
  }
}

/** The nearest folder from `folder` upwards that has a package.json. */
async function projectFolder(folder: string): Promise<string | undefined> {
  for (let at = folder; ; at = dirname(at)) {
    if (await readManifest(at)) return at;
    if (at === dirname(at)) return undefined;
  }
}

/** Where Node would find an installed package, whether or not it exports its package.json. */
async function packageFolder(name: string, project: string): Promise<string | undefined> {
  const require = createRequire(join(project, 'package.json'));
  for (const folder of require.resolve.paths(name) ?? []) {
    if (await readManifest(join(folder, name))) return join(folder, name);
  }
  return undefined;
}

async function load(what: string, from: string, load: () => Promise<unknown>): Promise<unknown> {
  try {
    return await load();
  } catch (cause) {
    throw new PluginError('plugin/failed', `${what} (${from}) could not be loaded: ${(cause as Error).message}`, {
      cause,
    });
  }
}

async function loadPackage(folder: string, manifest: Manifest): Promise<DiscoveredPlugin> {
  const name = manifest.name ?? folder;
  const require = createRequire(join(folder, 'package.json'));
  // A package may resolve itself by name, through its own `exports`.
  const module = await load(`The plugin ${name}`, folder, async () => {
    let entry: string;
    try {
      entry = require.resolve(name);
    } catch {
      entry = require.resolve(folder);
    }
    return ((await import(pathToFileURL(entry).href)) as { default?: unknown }).default;
  });
  if (!isPlugin(module)) {
    throw new PluginError(
      'plugin/not-a-plugin',
      `${name} (${folder}) has the keyword ${keyword}, but its default export is not made by definePlugin.`,
    );
  }
  return { plugin: module, from: folder, ...(manifest.version !== undefined && { version: manifest.version }) };
}

async function loadConfig(project: string): Promise<DiscoveredPlugin[]> {
  for (const name of ['graft.config.ts', 'graft.config.js', 'graft.config.mjs']) {
    const path = join(project, name);
    if (!(await readFile(path).catch(() => undefined))) continue;
    // Loaded only where it is needed: it takes a tenth of a second.
    const config = (await load(name, path, async () => {
      const { createJiti } = await import('jiti');
      return createJiti(project).import(path, { default: true });
    })) as { readonly plugins?: unknown } | undefined;
    const plugins = config?.plugins ?? [];
    if (!Array.isArray(plugins) || !plugins.every(isPlugin)) {
      throw new PluginError('plugin/bad-config', `${path}: 'plugins' must be a list of what definePlugin returns.`);
    }
    return plugins.map((plugin: Plugin) => ({ plugin, from: path }));
  }
  return [];
}

/** How plugins are looked for. */
export interface DiscoveryOptions {
  /** Called for each plugin that cannot be loaded, which is then left out. Default: the first such is thrown. */
  readonly onFailure?: (error: PluginError) => void;
}

/**
 * The plugins of the project that `folder` is in: those among the dependencies of its package.json with the keyword
 * `graft-plugin`, the project itself where it has that keyword, and those that `graft.config.ts` (or `.js`, `.mjs`)
 * lists under `plugins`. A package found twice counts once.
 */
export async function discoverPlugins(folder: string, options: DiscoveryOptions = {}): Promise<DiscoveredPlugin[]> {
  const project = await projectFolder(folder);
  if (project === undefined) return [];
  const manifest = (await readManifest(project))!;
  const found = new Map<string, DiscoveredPlugin>();
  const add = async (load: () => Promise<readonly DiscoveredPlugin[]>) => {
    try {
      for (const plugin of await load()) found.set(plugin.plugin.name, plugin);
    } catch (error) {
      if (!options.onFailure || !(error instanceof PluginError)) throw error;
      options.onFailure(error);
    }
  };
  if (manifest.keywords?.includes(keyword)) await add(async () => [await loadPackage(project, manifest)]);
  const names = new Set(
    [manifest.dependencies, manifest.devDependencies, manifest.optionalDependencies].flatMap((part) =>
      Object.keys(part ?? {}),
    ),
  );
  for (const name of [...names].sort()) {
    await add(async () => {
      const at = await packageFolder(name, project);
      const its = at === undefined ? undefined : await readManifest(at);
      return at !== undefined && its?.keywords?.includes(keyword) ? [await loadPackage(at, its)] : [];
    });
  }
  await add(() => loadConfig(project));
  return [...found.values()];
}
