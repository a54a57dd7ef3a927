import { createRequire } from 'node:module';
import { type DeviceReport, EngineError, type Lack } from '@graftjs/core';
import type { Tfjs } from '../tfjs.js';
import type { Backends } from '../tfjs-engine.js';
import { tryBackend } from './backend-trial.js';
import { type BackendName, findPackages, packagesOf } from './tfjs-packages.js';

const names = Object.keys(packagesOf) as BackendName[];

/** What TensorFlow.js calls a backend. */
const nameInTfjs = (backend: BackendName): string =>
  backend === 'node' || backend === 'node-gpu' ? 'tensorflow' : backend;

/** The first Node whose `util` lacks what tfjs-node 4 calls. */
const tooNew = 23;

/** What is known to be lacking before anything is tried. */
function lackBefore(backend: BackendName, nodeVersion: string): Lack | undefined {
  if (backend === 'webgl') return { what: 'it needs the WebGL of a browser, and this is Node' };
  const found = findPackages(backend);
  const wanted = packagesOf[backend];
  const install = `npm install ${wanted.join(' ')}`;
  if (nameInTfjs(backend) === 'tensorflow' && Number.parseInt(nodeVersion, 10) >= tooNew) {
    const name = found?.title ?? wanted.join();
    return {
      what: `${name} breaks on Node ${nodeVersion}: it calls functions that Node ${tooNew} took out of 'util'`,
      remedy: `run Graft with Node 22 or 20 (nvm install 22)${found ? '' : `, and ${install}`}, or use another backend: --backend cpu`,
    };
  }
  if (!found) return { what: `${wanted.join(' or ')} is not installed`, remedy: install };
  return undefined;
}

/** Why a backend cannot run here, found by trying it; empty where it can. */
async function findLacks(backend: BackendName, nodeVersion: string): Promise<readonly Lack[]> {
  const before = lackBefore(backend, nodeVersion);
  if (before) return [before];
  const { paths, title } = findPackages(backend)!;
  const { failure, usesGpu } = await tryBackend(nameInTfjs(backend), paths);
  if (failure?.includes('native addon')) {
    return [
      {
        what: `${title} came without its native part, which its install script downloads or builds`,
        remedy: `npm rebuild ${packagesOf[backend].at(-1)} --build-addon-from-source`,
      },
    ];
  }
  if (failure !== undefined) {
    const [line] = failure.trim().split('\n');
    return [{ what: `${title} does not work: ${line}`, remedy: `npm install ${packagesOf[backend].join(' ')}` }];
  }
  if (backend === 'node-gpu' && !usesGpu) {
    return [
      {
        what: `${title} finds no GPU that it can use`,
        remedy: "install NVIDIA's driver, CUDA 11.2 and cuDNN 8, and see whether nvidia-smi works",
      },
    ];
  }
  return [];
}

function refusal(reports: readonly DeviceReport[]): EngineError {
  const told = reports.flatMap(({ device, lacks }) =>
    lacks.map(({ what, remedy }) => `- ${device}: ${what}${remedy === undefined ? '' : `\n  to mend it: ${remedy}`}`),
  );
  const tried = reports.map(({ device }) => device);
  return new EngineError(
    'engine/device',
    `The engine tfjs cannot run on ${tried.join(', ')} here:\n${told.join('\n')}\nMend one of these, or name another backend: ${names.join(', ')}.`,
    { details: { reports } },
  );
}

/**
 * The backends of TensorFlow.js in Node. Each is tried in a process of its own before it is used; without a name it is the first
 * that works.
 * @param nodeVersion Node's own, without the `v`
 */
export function createNodeBackends(nodeVersion: string = process.versions.node): Backends {
  /** The threads that TensorFlow was loaded for. */
  const loadedFor = new Map<BackendName, number | undefined>();
  const tried = new Map<BackendName, Promise<readonly Lack[]>>();

  async function report(device: BackendName): Promise<DeviceReport> {
    const lacks = tried.get(device) ?? findLacks(device, nodeVersion);
    tried.set(device, lacks);
    return { device, lacks: await lacks };
  }

  async function choose(name: BackendName | undefined): Promise<BackendName> {
    const reports: DeviceReport[] = [];
    for (const candidate of name === undefined ? names : [name]) {
      const found = await report(candidate);
      if (found.lacks.length === 0) return candidate;
      reports.push(found);
    }
    throw refusal(reports);
  }

  /** TensorFlow reads how many threads it may use when it is loaded; all other backends have one. */
  function setThreads(backend: BackendName, threads: number | undefined): void {
    if (nameInTfjs(backend) !== 'tensorflow') return;
    if (!loadedFor.has(backend)) {
      loadedFor.set(backend, threads);
      if (threads !== undefined) process.env.TF_NUM_INTRAOP_THREADS = String(threads);
    } else if (threads !== undefined && threads !== loadedFor.get(backend)) {
      const before = loadedFor.get(backend) ?? 'as many threads as there are cores';
      throw new EngineError(
        'engine/threads',
        `TensorFlow runs with ${before} in this process, and cannot change to ${threads}. Give the first session its number.`,
      );
    }
  }

  return {
    names,
    async load(name, threads) {
      const backend = await choose(name as BackendName | undefined);
      setThreads(backend, threads);
      // TensorFlow tells of its optimizations and missing GPUs on standard error otherwise; what fails is thrown.
      process.env.TF_CPP_MIN_LOG_LEVEL ??= '3';
      const require = createRequire(import.meta.url);
      const [tf] = findPackages(backend)!.paths.map((path) => require(path) as Tfjs);
      // And tfjs advises to install tfjs-node.
      tf!.enableProdMode();
      return {
        tf: tf!,
        async activate() {
          if (tf!.getBackend() !== nameInTfjs(backend)) await tf!.setBackend(nameInTfjs(backend));
        },
      };
    },
    async probe() {
      const devices: DeviceReport[] = [];
      for (const name of names) devices.push(await report(name));
      const works = devices.find(({ lacks }) => lacks.length === 0);
      const found = findPackages((works?.device ?? 'cpu') as BackendName);
      return { runtime: found?.title ?? 'TensorFlow.js', devices };
    },
  };
}
