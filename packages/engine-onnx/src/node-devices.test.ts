import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Engine, EngineError, type Graph, GraphBuilder } from '@graftjs/core';
import { engineContract } from '@graftjs/core/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { onnxEngine } from './index.js';
import { createNodeDevices } from './node-devices.js';

const installed = createRequire(import.meta.url).resolve('onnxruntime-node');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'graft-devices-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A convolution, max pooling, and a 1x1 convolution. */
function pooled(padding: 'VALID' | readonly [number, number, number, number]): Graph {
  const graph = new GraphBuilder('net', { name: 'x', shape: [4, 4, 1], dtype: 'float32' });
  const a = graph.conv2d(graph.input, { name: 'a', channels: 2, kernel: 3 });
  const p = graph.maxPool(a, { name: 'p', kernel: 2 });
  return graph.build(graph.conv2d(p, { name: 'b', channels: 2, kernel: 1, padding }), ['b']);
}

/** A package that stands in for ONNX Runtime, on machines that are not at hand. */
async function runtime(name: string, body: string): Promise<() => string> {
  const at = join(folder, name);
  await mkdir(join(at, 'dist'), { recursive: true });
  await writeFile(join(at, 'package.json'), '{"name":"onnxruntime-node","version":"9.9.9"}');
  await writeFile(join(at, 'dist/index.js'), body);
  return () => join(at, 'dist/index.js');
}

/** What its session does, given as the body of `InferenceSession.create`. */
const failing = (body: string, devices = ['cpu', 'webgpu', 'cuda']) => `
  exports.listSupportedBackends = () => ${JSON.stringify(devices.map((name) => ({ name })))};
  exports.Tensor = class { constructor(type, data, dims) { Object.assign(this, { type, data, dims }); } };
  exports.InferenceSession = { async create() { ${body} } };`;

const computing = (value: number) => failing(`return { run: async () => ({ y: { data: [${value}, 9, 9, 9] } }) };`);

async function refusal(path: () => string, device: string): Promise<EngineError> {
  const error = await createNodeDevices(path)
    .check(device, pooled('VALID'), [])
    .then(
      () => undefined,
      (error: unknown) => error,
    );
  expect(error).toBeInstanceOf(EngineError);
  return error as EngineError;
}

describe('what a device lacks is told, with what mends it', () => {
  it('CUDA: the part of the package, by its install script', async () => {
    const log = `console.error("[E:onnxruntime:onnxruntime-node] FAIL : Failed to load library /x/libonnxruntime_providers_shared.so with error: /x/libonnxruntime_providers_shared.so: cannot open shared object file: No such file or directory");`;
    const path = await runtime('part', failing(`${log} throw new Error('Failed to load shared library');`));
    const error = await refusal(path, 'cuda');
    expect(error.code).toBe('engine/device');
    expect(error.message).toContain('onnxruntime-node 9.9.9 came without its CUDA part');
    expect(error.message).toContain(`node ${join(folder, 'part/script/install.js')} --onnxruntime-node-install=cuda12`);
  });

  it('CUDA: a library of it', async () => {
    const log = `console.error("FAIL : Failed to load library /x/libonnxruntime_providers_cuda.so with error: libcublasLt.so.13: cannot open shared object file: No such file or directory");`;
    const path = await runtime('library', failing(`${log} throw new Error('Failed to load shared library');`));
    const error = await refusal(path, 'cuda');
    expect(error.message).toContain('a library of CUDA is not to be found (libcublasLt.so.13)');
    expect(error.message).toContain('LD_LIBRARY_PATH');
  });

  it('WebGPU: an adapter', async () => {
    const path = await runtime(
      'adapter',
      failing(`throw new Error('Failed to get a WebGPU adapter: No supported adapters');`),
    );
    const error = await refusal(path, 'webgpu');
    expect(error.message).toMatch(
      /cannot run on webgpu here:\n- there is no (GPU that WebGPU could use|Vulkan loader)/,
    );
    expect(error.message).toMatch(/to mend it: install/);
  });

  it('a system that the package has nothing for', async () => {
    const path = await runtime('system', failing(`throw new Error('backend not found');`, ['cpu']));
    const error = await refusal(path, 'webgpu');
    expect(error.message).toContain(`onnxruntime-node 9.9.9 has no webgpu on ${process.platform} ${process.arch}`);
  });

  it('a package that cannot be loaded', async () => {
    const path = await runtime('broken', `throw new Error('libonnxruntime.so.1: no such file');`);
    expect((await refusal(path, 'webgpu')).message).toContain('cannot be loaded: libonnxruntime.so.1: no such file');
  });
});

describe('what native code does ends in an error', () => {
  it.each([
    ['an abort', 'process.abort();', /ended with SIGABRT/],
    ['an exit', 'process.exit(3);', /ended with status 3/],
  ])('%s', async (name, body, message) => {
    const error = await refusal(await runtime(name, failing(body)), 'webgpu');
    expect(error.message).toMatch(message);
  });
  it('a wrong result', async () => {
    const error = await refusal(await runtime('wrong', computing(8)), 'webgpu');
    expect(error.message).toContain('it computed 8, 9, 9, 9 where 9 is right');
  });
  it('but not a right one', async () => {
    await createNodeDevices(await runtime('right', computing(9))).check('webgpu', pooled('VALID'), []);
  });
});

describe('what onnxruntime cannot do on WebGPU is refused before it starts', () => {
  const check = async (graph: Graph, trained: string[]) =>
    createNodeDevices(await runtime('limits', computing(9))).check('webgpu', graph, trained);
  it('training below max pooling, not above it', async () => {
    await check(pooled('VALID'), ['net/b/weights']);
    await expect(check(pooled('VALID'), ['net/a/weights'])).rejects.toMatchObject({
      code: 'engine/device',
      message: expect.stringMatching(/no gradient of max pooling there, which training below net\/p\/MaxPool takes/),
    });
  });
  it('a 1x1 convolution with padding', async () => {
    await expect(check(pooled([0, 1, 0, 1]), [])).rejects.toMatchObject({ code: 'engine/device' });
  });
});

describe('on this machine', () => {
  it('each device can be used or is refused, as it is told', async () => {
    const { runtime, devices } = await onnxEngine.probe!();
    const { version } = createRequire(installed)('../package.json') as { version: string };
    expect(runtime).toBe(`onnxruntime-node ${version}`);
    expect(devices.map(({ device }) => device)).toEqual(onnxEngine.devices);
    expect(devices[0]).toEqual({ device: 'cpu', lacks: [] });
    for (const { device, lacks } of devices) {
      const there: Engine = { ...onnxEngine, open: (graph) => onnxEngine.open(graph, { device }) };
      const { run } = engineContract(there).find(({ name }) => name === 'runs a 3x3 convolution, SAME')!;
      if (lacks.length === 0) await run();
      else await expect(run()).rejects.toMatchObject({ code: 'engine/device', details: { device, lacks } });
    }
  });
});
