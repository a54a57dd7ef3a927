import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EngineError } from '@graftjs/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Backends } from '../tfjs-engine.js';
import { createNodeBackends } from './node-backends.js';

const given = process.env.GRAFT_TFJS;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'graft-tfjs-'));
  process.env.GRAFT_TFJS = folder;
});
afterEach(async () => {
  await rm(folder, { recursive: true });
  if (given === undefined) delete process.env.GRAFT_TFJS;
  else process.env.GRAFT_TFJS = given;
});

/** A package that stands in for one of TensorFlow.js, on machines that are not at hand. */
async function installed(name: string, body: string): Promise<void> {
  const at = join(folder, 'node_modules/@tensorflow', name);
  await mkdir(at, { recursive: true });
  await writeFile(join(at, 'package.json'), `{"name":"@tensorflow/${name}","version":"9.9.9"}`);
  await writeFile(join(at, 'index.js'), body);
}

const computing = (values: string, usesGpu: boolean) => `
  exports.enableProdMode = () => {};
  exports.setBackend = async () => true;
  exports.getBackend = () => 'tensorflow';
  exports.backend = () => ({ isUsingGpuDevice: ${usesGpu} });
  exports.matMul = () => ({ data: async () => [${values}] });`;
const right = '19, 22, 43, 50';

async function refusal(backends: Backends, name: string): Promise<EngineError> {
  const error: unknown = await backends.load(name).then(() => undefined, (error: unknown) => error); // biome-ignore format: short
  expect(error).toBeInstanceOf(EngineError);
  return error as EngineError;
}

describe('what a backend lacks is told, with what mends it', () => {
  it('a Node that tfjs-node breaks on, before its code runs', async () => {
    await installed('tfjs-node', `require('node:fs').writeFileSync(${JSON.stringify(join(folder, 'ran'))}, '');`);
    const error = await refusal(createNodeBackends('24.1.0'), 'node');
    expect(error.code).toBe('engine/device');
    expect(error.message).toContain('@tensorflow/tfjs-node 9.9.9 breaks on Node 24.1.0');
    expect(error.message).toContain('nvm install 22');
    expect(await readdir(folder)).toEqual(['node_modules']);
  });

  it('such a Node before the package is installed', async () => {
    const error = await refusal(createNodeBackends('24.1.0'), 'node-gpu');
    expect(error.message).toContain('@tensorflow/tfjs-node-gpu breaks on Node 24.1.0');
    expect(error.message).toContain('run Graft with Node 22 or 20 (nvm install 22), and npm install');
  });

  it('a package that is not installed', async () => {
    const error = await refusal(createNodeBackends('22.0.0'), 'node-gpu');
    expect(error.message).toContain('@tensorflow/tfjs-node-gpu is not installed');
    expect(error.message).toContain('to mend it: npm install @tensorflow/tfjs-node-gpu');
  });

  it('the native part, as the package itself says it', async () => {
    const words = 'The Node.js native addon module (tfjs_binding.node) can not be found at path: /x';
    await installed('tfjs-node', `throw new Error(${JSON.stringify(words)});`);
    const error = await refusal(createNodeBackends('22.0.0'), 'node');
    expect(error.message).toContain('@tensorflow/tfjs-node 9.9.9 came without its native part');
    expect(error.message).toContain('npm rebuild @tensorflow/tfjs-node --build-addon-from-source');
  });

  it('a GPU, where it would compute on the processor instead', async () => {
    await installed('tfjs-node-gpu', computing(right, false));
    const error = await refusal(createNodeBackends('22.0.0'), 'node-gpu');
    expect(error.message).toContain('@tensorflow/tfjs-node-gpu 9.9.9 finds no GPU');
  });

  it('native code that ends the process, or computes something else', async () => {
    await installed('tfjs-node', 'process.abort();');
    expect((await refusal(createNodeBackends('22.0.0'), 'node')).message).toContain('ended with SIGABRT');
    await installed('tfjs-node', computing('1, 2, 3, 4', false));
    expect((await refusal(createNodeBackends('22.0.0'), 'node')).message).toContain('it computed 1,2,3,4');
  });

  it('a browser', async () => {
    expect((await refusal(createNodeBackends(), 'webgl')).message).toContain('needs the WebGL of a browser');
  });
});

it('takes the best that works where none is named, and tells of all', async () => {
  await installed('tfjs-node-gpu', computing(right, false));
  await installed('tfjs-node', `${computing(right, false)} exports.stands = 'in';`);
  const backends = createNodeBackends('22.0.0');
  expect((await backends.load(undefined)).tf).toMatchObject({ stands: 'in' });
  const { runtime, devices } = await backends.probe!();
  expect(runtime).toBe('@tensorflow/tfjs-node 9.9.9');
  expect(devices.filter(({ lacks }) => lacks.length === 0).map(({ device }) => device)).toEqual([
    'node',
    'cpu',
    'wasm',
  ]);
  expect(devices.map(({ device }) => device)).toEqual(['node-gpu', 'node', 'cpu', 'wasm', 'webgl']);
});

it('gives TensorFlow its threads when it is loaded, and refuses others later', async () => {
  await installed('tfjs-node', `${computing(right, false)} exports.threads = process.env.TF_NUM_INTRAOP_THREADS;`);
  const backends = createNodeBackends('22.0.0');
  expect((await backends.load('node', 3)).tf).toMatchObject({ threads: '3' });
  expect((await backends.load('node')).tf).toMatchObject({ threads: '3' });
  await expect(backends.load('node', 2)).rejects.toMatchObject({ code: 'engine/threads' });
});

it('computes without tfjs-node on a Node that is too new for it', async () => {
  await installed('tfjs-node', computing(right, false));
  const { tf, activate } = await createNodeBackends('24.1.0').load(undefined);
  await activate();
  expect(tf.getBackend()).toBe('cpu');
});
