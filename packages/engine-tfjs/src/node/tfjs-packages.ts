import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** What has to be installed for a backend, the one that computes last. */
export const packagesOf = {
  'node-gpu': ['@tensorflow/tfjs-node-gpu'],
  node: ['@tensorflow/tfjs-node'],
  cpu: ['@tensorflow/tfjs'],
  wasm: ['@tensorflow/tfjs', '@tensorflow/tfjs-backend-wasm'],
  webgl: ['@tensorflow/tfjs'],
} as const;

/** A backend of TensorFlow.js, the best first. */
export type BackendName = keyof typeof packagesOf;

/** The packages of a backend where they were found. */
export interface FoundPackages {
  /** Main files, in the order of `packagesOf`. */
  readonly paths: readonly string[];
  /** `@tensorflow/tfjs-node 4.22.0` */
  readonly title: string;
}

/**
 * Where packages are looked for: in the folder that GRAFT_TFJS names, beside this package, and in the project that the process
 * runs in.
 */
function* places(): Generator<string> {
  const folder = process.env.GRAFT_TFJS;
  if (folder) yield pathToFileURL(join(folder, 'package.json')).href;
  yield import.meta.url;
  yield pathToFileURL(join(process.cwd(), 'package.json')).href;
}

/** Whether packages, by their main files, compute with one and the same TensorFlow.js. */
function shareTfjs(paths: readonly string[]): boolean {
  const [first, ...others] = paths.map((path) => createRequire(path).resolve('@tensorflow/tfjs-core'));
  return others.every((core) => core === first);
}

/** The packages of a backend, which have to share one TensorFlow.js; undefined where one is missing. */
export function findPackages(backend: BackendName): FoundPackages | undefined {
  const names = packagesOf[backend];
  for (const place of places()) {
    const require = createRequire(place);
    try {
      const paths = names.map((name) => require.resolve(name));
      // With NODE_PATH one can be found here and another anywhere.
      if (names.length > 1 && !shareTfjs(paths)) continue;
      const name = names.at(-1)!;
      const { version } = require(`${name}/package.json`) as { version: string };
      return { paths, title: `${name} ${version}` };
    } catch {
      // Not there; perhaps in the next place.
    }
  }
  return undefined;
}
