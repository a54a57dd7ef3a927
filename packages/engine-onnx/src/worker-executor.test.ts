import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type EngineError, GraphBuilder, type Optimizer } from '@graftjs/core';
import { checkClose } from '@graftjs/core/testing';
import { OnnxGraph } from '@graftjs/onnx';
import { expect, it } from 'vitest';
import { Block } from './block.js';
import { executeHere } from './executor.js';
import { onnxEngine } from './index.js';
import { createEngine } from './onnx-engine.js';
import { executeInWorker } from './worker-executor.js';

const descent: Optimizer = {
  name: 'descent',
  slots: [],
  scalars: [],
  update(weights, gradient, _slots, rate) {
    for (let i = 0; i < weights.length; i++) weights[i]! -= rate * gradient[i]!;
  },
};
const [size, classes, batch] = [64, 4, 16];
const trainable = ['net/a/weights', 'net/b/weights', 'net/c/weights', 'net/c/biases'];

function network() {
  const graph = new GraphBuilder('net', { name: 'x', shape: [size, size, 3], dtype: 'float32' });
  const a = graph.conv2d(graph.input, { name: 'a', channels: 64, kernel: 3 });
  const b = graph.maxPool(graph.conv2d(a, { name: 'b', channels: 64, kernel: 3 }), { name: 'p', kernel: 2 });
  const logits = graph.conv2d(graph.mean(b, { name: 'm' }), { name: 'c', channels: classes, kernel: 1 });
  return graph.build(graph.reshape(logits, { name: 'logits', shape: [classes] }), ['c']);
}

const inputs = Float32Array.from({ length: batch * size * size * 3 }, (_, i) => Math.sin(i * i));
const labels = Int32Array.from({ length: batch }, (_, i) => i % classes);
const start = (length: number) => Float32Array.from({ length }, (_, i) => Math.cos(i) / 10);

it('leaves the calling thread free while a step runs, and refuses to read what the step works on', async () => {
  const session = await onnxEngine.openTraining(network(), { trainable, optimizer: descent });
  await session.accumulate({ inputs, labels });
  const read = () => session.read('net/c/weights').length;
  const refusals: string[] = [];
  const timer = setInterval(() => {
    try {
      read();
    } catch (error) {
      refusals.push((error as EngineError).code);
    }
  }, 2);
  await session.accumulate({ inputs, labels });
  clearInterval(timer);
  // A step takes a tenth of a second and more.
  expect(refusals.length).toBeGreaterThan(5);
  expect(new Set(refusals)).toEqual(new Set(['engine/busy']));
  expect(read()).toBe(64 * classes);
  await session.close();
});

it('leaves the caller its images, in whatever array of bytes they are', async () => {
  const graph = new GraphBuilder('net', { name: 'x', shape: [4, 4, 3], dtype: 'uint8' });
  const pixels = graph.mean(graph.normalize(graph.input, { mean: [0, 0, 0], scale: 1 }), { name: 'm' });
  const session = await onnxEngine.open(graph.build(graph.reshape(pixels, { name: 'r', shape: [3] }), []));
  const image = Buffer.from(Array.from({ length: 48 }, (_, i) => i % 3));
  for (let time = 0; time < 2; time++) {
    const values = await session.predict(image, 1);
    expect([...values.values()].map((value) => [...value])).toEqual([[0, 1, 2]]);
  }
  expect(image.length).toBe(48);
  await session.close();
});

it('gives the bits that the calling thread would', async () => {
  const here = createEngine(async () => executeHere(await import('onnxruntime-node')));
  const weights = [];
  for (const engine of [here, onnxEngine]) {
    const session = await engine.openTraining(network(), { trainable, optimizer: descent });
    for (const [name, shape] of session.variables) session.write(name, start(shape.reduce((a, b) => a * b, 1)));
    for (let step = 0; step < 2; step++) {
      await session.accumulate({ inputs, labels });
      await session.update(0.1);
    }
    weights.push(session.read('net/b/weights'));
    await session.close();
  }
  checkClose(weights[1]!, weights[0]!, 0, 'the weights');
});

it('gives arrays back after an error of the runtime, which keeps its class, code and message', async () => {
  const executor = executeInWorker();
  await expect(executor.load(new Uint8Array([1, 2, 3]), 'three bytes', {})).rejects.toMatchObject({
    name: 'EngineError',
    code: 'engine/load',
    message: expect.stringContaining('could not load three bytes: '),
  });
  const graph = new OnnxGraph('sums');
  graph.input('x', 'float32', [3]);
  graph.output(graph.add('Add', ['x', 'x']), 'y', 'float32', [3]);
  const model = await executor.load(graph.encode(), 'sums', {});
  const x = new Block(Float32Array.of(1, 2, 3, 4));
  const y = new Block(new Float32Array(4));
  const view = (block: Block, length: number) => ({ block, from: 0, dims: [length] });
  const run = (length: number) =>
    executor.run([{ model, feeds: { x: view(x, length) }, fetches: { y: view(y, length) } }]);
  await expect(run(4)).rejects.toMatchObject({ name: 'EngineError', code: 'engine/run' });
  expect([...x.array]).toEqual([1, 2, 3, 4]);
  await run(3);
  expect([...y.array]).toEqual([2, 4, 6, 0]);
  await executor.release(model);
});

/** Opens a network in a process of its own, time after time, and prints what came of it. */
async function openElsewhere(flags: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const program = `
    const { GraphBuilder } = await import('@graftjs/core');
    const { onnxEngine } = await import('@graftjs/engine-onnx');
    const graph = new GraphBuilder('net', { name: 'x', shape: [4, 4, 3], dtype: 'float32' });
    const net = graph.build(graph.reshape(graph.mean(graph.input, { name: 'm' }), { name: 'r', shape: [3] }), []);
    for (let time = 0; time < 2; time++) {
      await onnxEngine.open(net).then(
        async (session) => console.log((await session.predict(new Float32Array(48).fill(2), 1)).get(net.output).join()),
        ({ code, cause }) => console.log(code, cause.code),
      );
    }
    await new Promise(setImmediate);
  `;
  const args = [...flags, '--input-type=module', '--eval', program];
  const options = { timeout: 60_000, env: { ...process.env, ...env } };
  return (await promisify(execFile)(process.execPath, args, options)).stdout.trim();
}

it('is an error of the engine where the thread cannot be made, and nothing else ends the process', async () => {
  const permission = '--permission';
  const restricted = process.allowedNodeEnvironmentFlags.has(permission) ? permission : '--experimental-permission';
  const line = 'engine/runtime ERR_ACCESS_DENIED';
  expect(await openElsewhere([restricted, '--allow-fs-read=*'])).toBe(`${line}\n${line}`);
});

it('starts where NODE_OPTIONS has what is for the whole process', async () => {
  expect(await openElsewhere([], { NODE_OPTIONS: '--title=graft' })).toBe('2,2,2\n2,2,2');
});
