import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { type DeviceReport, EngineError, type Lack } from '@graftjs/core';
import { type Trial, tryDevice } from './device-trial.js';
import type { Devices } from './devices.js';
import { webgpuLimit } from './webgpu-limits.js';

/** An ONNX Runtime package. */
interface Package {
  readonly folder: string;
  /** `onnxruntime-node 1.30.0` */
  readonly title: string;
}

const isLinux = process.platform === 'linux';
const libraries: Readonly<Record<string, readonly string[]>> = {
  cuda: isLinux ? ['libcuda.so.1'] : [],
  webgpu: isLinux ? ['libvulkan.so.1'] : [],
};

/** As short as it can be typed where the process is. */
function typed(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith('..') ? path : short;
}

function lacksOfCuda({ absent, log, failure }: Trial, { folder, title }: Package): Lack[] {
  const lacks: Lack[] = [];
  if (absent.includes('libcuda.so.1')) {
    lacks.push({
      what: 'there is no NVIDIA driver (libcuda.so.1)',
      remedy: "install NVIDIA's driver; a container needs its toolkit, and docker run --gpus all",
    });
  }
  // "Failed to load library .../libonnxruntime_providers_cuda.so with error: libcublasLt.so.12: cannot open shared ..."
  const library = /with error: (?:\S*\/)?(lib[^\s/]+): cannot open shared object file/.exec(log)?.[1];
  if (library?.startsWith('libonnxruntime_providers')) {
    lacks.push({
      what: `${title} came without its CUDA part (${library})`,
      remedy: `node ${typed(join(folder, 'script/install.js'))} --onnxruntime-node-install=cuda12`,
    });
  } else if (library !== undefined && library !== 'libcuda.so.1') {
    lacks.push({
      what: `a library of CUDA is not to be found (${library})`,
      remedy: `install the version of CUDA and cuDNN that has ${library}, or name its folder in LD_LIBRARY_PATH`,
    });
  }
  return lacks.length > 0 ? lacks : [{ ...failed(failure), remedy: 'see whether nvidia-smi works' }];
}

function lacksOfWebgpu({ absent, failure }: Trial): Lack[] {
  if (!failure?.includes('adapter')) return [failed(failure)];
  if (absent.includes('libvulkan.so.1')) {
    return [
      {
        what: 'there is no Vulkan loader (libvulkan.so.1)',
        remedy:
          "install it and your GPU's driver: sudo apt install libvulkan1 mesa-vulkan-drivers, or what your system has",
      },
    ];
  }
  return [
    {
      what: 'there is no GPU that WebGPU could use, or no driver for it',
      remedy: `install your GPU's driver${isLinux ? '; vulkaninfo --summary shows what there is' : ''}`,
    },
  ];
}

const failed = (failure: string | undefined): Lack => ({
  what: `a convolution on it failed: ${failure?.trim().replace(/\.$/, '')}`,
});

function lacksOf(device: string, trial: Trial, found: Package): readonly Lack[] {
  const { unloadable, builtFor, failure } = trial;
  if (unloadable !== undefined) {
    return [{ what: `${found.title} cannot be loaded: ${unloadable}`, remedy: 'npm install onnxruntime-node' }];
  }
  if (failure === undefined) return [];
  if (!builtFor.includes(device)) {
    return [{ what: `${found.title} has no ${device} on ${process.platform} ${process.arch}` }];
  }
  if (device === 'cuda') return lacksOfCuda(trial, found);
  if (device === 'webgpu') return lacksOfWebgpu(trial);
  return [failed(failure)];
}

function refusal(device: string, lacks: readonly Lack[]): EngineError {
  const told = lacks.map(({ what, remedy }) => `- ${what}${remedy === undefined ? '' : `\n  to mend it: ${remedy}`}`);
  return new EngineError(
    'engine/device',
    `The engine onnx cannot run on ${device} here:\n${told.join('\n')}\nMend that, or name another device: --device cpu.`,
    { details: { device, lacks } },
  );
}

/**
 * The devices of `onnxruntime-node`. Each is tried in a process of its own before it is used.
 * @param path of the package's main file
 */
export function createNodeDevices(path: () => string): Devices {
  const names = ['cpu', 'cuda', 'webgpu'];
  const tried = new Map<string, Promise<DeviceReport>>();

  function findPackage(): Package & { readonly main: string } {
    const main = path();
    const folder = dirname(dirname(main));
    const { name, version } = createRequire(main)(join(folder, 'package.json')) as { name: string; version: string };
    return { main, folder, title: `${name} ${version}` };
  }

  async function report(device: string): Promise<DeviceReport> {
    const found = findPackage();
    const trial = await tryDevice(found.main, device, libraries[device] ?? []);
    return { device, lacks: lacksOf(device, trial, found) };
  }

  return {
    names,
    async check(device, graph, trained) {
      // A processor is always there; what is wrong with the package shows when it is loaded.
      if (device === 'cpu') return;
      const trial = tried.get(device) ?? report(device);
      tried.set(device, trial);
      const { lacks } = await trial;
      if (lacks.length > 0) throw refusal(device, lacks);
      const limit = device === 'webgpu' ? webgpuLimit(graph, new Set(trained)) : undefined;
      if (limit === undefined) return;
      throw new EngineError(
        'engine/device',
        `The engine onnx cannot run ${graph.name} on ${device}: ${limit}. Name another device: --device cpu.`,
        { details: { device, graph: graph.name } },
      );
    },
    async probe() {
      const devices: DeviceReport[] = [];
      for (const device of names) devices.push(await report(device));
      return { runtime: findPackage().title, devices };
    },
  };
}
