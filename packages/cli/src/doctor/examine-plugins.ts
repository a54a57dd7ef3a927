import {
  BACKBONE,
  CHECKPOINT_FORMAT,
  type Container,
  createContainer,
  DATASET,
  DOWNLOAD,
  ENGINE,
  type Engine,
  EXPORTER,
  GraftError,
  IMAGE_READER,
  registry,
  SEGMENTER,
} from '@graftjs/core';
import { type DiscoveredPlugin, discoverPlugins } from '@graftjs/core/node';
import type { Problem } from './problem.js';

/** A plugin that was found. */
export interface PluginReport {
  readonly name: string;
  readonly version?: string;
  /** The package's folder, or the config file. */
  readonly from: string;
}

/** What a run needs at least one of, and a package that brings it. */
const needed = [
  [ENGINE, 'an engine', '@graftjs/engine-onnx'],
  [BACKBONE, 'a network', '@graftjs/model-vgg'],
  [DATASET, 'a data set', '@graftjs/data-folder'],
  [CHECKPOINT_FORMAT, 'a checkpoint format', '@graftjs/ckpt-slim'],
] as const;

const kinds = [ENGINE, BACKBONE, SEGMENTER, DATASET, CHECKPOINT_FORMAT, IMAGE_READER, DOWNLOAD, EXPORTER] as const;

/** Gives what `work` gives; what Graft refuses is a problem instead. */
function note<T>(problems: Problem[], remedy: string, work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!GraftError.isInstance(error)) throw error;
    problems.push({ what: error.message, remedy });
    return undefined;
  }
}

/** The plugins of the project that `folder` is in, and their engines. */
export async function examinePlugins(folder: string): Promise<{
  plugins: readonly PluginReport[];
  engines: readonly Engine[];
  problems: readonly Problem[];
}> {
  const problems: Problem[] = [];
  const reinstall = 'install it anew (npm install), or take it out of the package.json';
  const onFailure = (error: GraftError) => {
    problems.push({ what: error.message, remedy: reinstall });
  };
  let found: readonly DiscoveredPlugin[] = [];
  try {
    found = await discoverPlugins(folder, { onFailure });
  } catch (error) {
    if (!GraftError.isInstance(error)) throw error;
    problems.push({ what: error.message, remedy: 'repair the file' });
  }
  const working = found.filter(({ plugin }) => note(problems, reinstall, () => createContainer([plugin])));
  const container: Container = createContainer(working.map(({ plugin }) => plugin));
  const remove = 'npm uninstall one of the two packages';
  for (const kind of kinds) note(problems, remove, () => registry<{ readonly name: string }>(container, kind));
  for (const [kind, what, name] of needed) {
    if (container.isRegistered(kind, true)) continue;
    problems.push({ what: `No plugin brings ${what}.`, remedy: `npm install ${name}` });
  }
  const engines = container.isRegistered<Engine>(ENGINE, true) ? container.resolveAll<Engine>(ENGINE) : [];
  const plugins = working.map(({ plugin: { name }, version, from }) => {
    return { name, ...(version !== undefined && { version }), from };
  });
  return { plugins, engines, problems };
}
