import { createRequire } from 'node:module';
import { join } from 'node:path';
import { cacheFolder, dataFolder } from '../cache-folder.js';
import { type CacheReport, examineCaches } from './examine-caches.js';
import { type EngineHealth, examineEngines } from './examine-engines.js';
import { examinePlugins, type PluginReport } from './examine-plugins.js';
import { examineSystem, type SystemReport } from './examine-system.js';
import type { Problem } from './problem.js';

const manifest = createRequire(import.meta.url)('../../package.json') as {
  readonly version: string;
  readonly engines: { readonly node: string };
};

/** What Graft finds where it is to work. */
export interface Examination {
  readonly graft: string;
  /** `required` as a package.json says it: `>=20`. */
  readonly node: { readonly version: string; readonly required: string };
  readonly system: SystemReport;
  readonly engines: readonly EngineHealth[];
  readonly plugins: readonly PluginReport[];
  readonly caches: readonly CacheReport[];
  /** What is wrong; a device that is not there is none, as long as another one is. */
  readonly problems: readonly Problem[];
}

function examineNode(version: string, required: string): readonly Problem[] {
  const [major, least] = [version, required].map((text) => Number(/\d+/.exec(text)?.[0]));
  if (major! >= least!) return [];
  const what = `Node ${version} is too old: ${required} is needed.`;
  return [{ what, remedy: 'install a newer one: https://nodejs.org/en/download' }];
}

/** Looks at everything that Graft needs, from the project that `folder` is in. Engines are tried, which takes a second or two. */
export async function examine(folder: string = process.cwd()): Promise<Examination> {
  const {
    version: graft,
    engines: { node: required },
  } = manifest;
  const version = process.versions.node;
  const cache = cacheFolder();
  const system = await examineSystem([folder, cache]);
  const plugins = await examinePlugins(folder);
  const engines = await examineEngines(plugins.engines);
  const caches = await examineCaches({ features: join(cache, 'features'), data: dataFolder() });
  return {
    graft,
    node: { version, required },
    system: system.system,
    engines: engines.engines,
    plugins: plugins.plugins,
    caches: caches.caches,
    problems: [
      ...examineNode(version, required),
      ...system.problems,
      ...plugins.problems,
      ...engines.problems,
      ...caches.problems,
    ],
  };
}
