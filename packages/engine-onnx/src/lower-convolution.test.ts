import { GraphBuilder, type Optimizer } from '@graftjs/core';
import { checkClose, uniform } from '@graftjs/core/testing';
import { expect, it } from 'vitest';
import { arrangeWeights } from './arranged-weights.js';
import { executeHere } from './executor.js';
import { createEngine } from './onnx-engine.js';

const still: Optimizer = { name: 'still', slots: [], scalars: [], update() {} };
const [height, width, colors, channels, outputs, classes, block] = [103, 98, 3, 24, 8, 3, 25];
const kernel = [3, 2] as const;
const [top, left] = [1, 2];
const linear = { biases: false, activation: 'none' } as const;

/** Two convolutions of an image of the given size, the means of blocks of places, and a dense layer on these. */
function network() {
  const graph = new GraphBuilder('net', { name: 'x', shape: [height, width, colors], dtype: 'float32' });
  const below = graph.conv2d(graph.input, { name: 'below', channels, kernel: 1, ...linear });
  const convolution = graph.conv2d(below, {
    name: 'c',
    channels: outputs,
    kernel,
    padding: [top, 1, left, 0],
    ...linear,
  });
  const means = graph.avgPool(convolution, { name: 'p', kernel: block, strides: block });
  const size = [means.shape[0]!, means.shape[1]!] as const;
  const logits = graph.conv2d(means, { name: 'out', channels: classes, kernel: size, padding: 'VALID', ...linear });
  return { graph: graph.build(graph.reshape(logits, { name: 'logits', shape: [classes] }), ['out']), size };
}

// Large images have ways of their own to both gradients of a convolution.
it.each([
  ['one at a time', 1],
  ['together', 2 ** 30],
])('gives the gradients that plain sums give, for large images, %s', async (_, piece) => {
  const { graph, size } = network();
  const engine = createEngine(async () => executeHere(await import('onnxruntime-node')), {
    piece,
    kept: 2 ** 30,
    pieces: 2 ** 30,
    prediction: 2 ** 30,
  });
  const trainable = ['net/below/weights', 'net/c/weights'];
  const session = await engine.openTraining(graph, { trainable, optimizer: still });
  const values = (name: string, count: number) => Float32Array.from(uniform(name, count), (u) => 2 * u - 1);
  const labels = Int32Array.from([1, 2]);
  const x = values('x', labels.length * height * width * colors);
  const below = values('below', colors * channels);
  const weights = values('c', kernel[0] * kernel[1] * channels * outputs);
  const dense = values('out', size[0] * size[1] * outputs * classes);
  session.write('net/below/weights', below);
  session.write('net/c/weights', weights);
  session.write('net/out/weights', dense);
  const { logits } = await session.accumulate({ inputs: x, labels });

  const expectedBelow = new Float64Array(below.length);
  const expected = new Float64Array(weights.length);
  for (const [example, label] of labels.entries()) {
    const pixels = x.subarray(example * height * width * colors, (example + 1) * height * width * colors);
    const z = new Float64Array(height * width * channels);
    for (let place = 0; place < height * width; place++) {
      for (let color = 0; color < colors; color++) {
        const pixel = pixels[place * colors + color]!;
        for (let i = 0; i < channels; i++) z[place * channels + i]! += pixel * below[color * channels + i]!;
      }
    }
    const dz = new Float64Array(z.length);
    const own = logits.subarray(example * classes, (example + 1) * classes);
    const sum = own.reduce((total, logit) => total + Math.exp(logit), 0);
    const errors = own.map((logit, k) => (Math.exp(logit) / sum - (k === label ? 1 : 0)) / labels.length);
    for (let row = 0; row < size[0] * block; row++) {
      for (let column = 0; column < size[1] * block; column++) {
        const at = (Math.floor(row / block) * size[1] + Math.floor(column / block)) * outputs;
        for (let output = 0; output < outputs; output++) {
          let dy = 0;
          for (let k = 0; k < classes; k++) dy += (errors[k]! * dense[(at + output) * classes + k]!) / block ** 2;
          for (let r = 0; r < kernel[0]; r++) {
            for (let c = 0; c < kernel[1]; c++) {
              const [h, w] = [row + r - top, column + c - left];
              if (h < 0 || h >= height || w < 0 || w >= width) continue;
              const from = (h * width + w) * channels;
              const to = (r * kernel[1] + c) * channels * outputs + output;
              for (let i = 0; i < channels; i++) {
                expected[to + i * outputs]! += dy * z[from + i]!;
                dz[from + i]! += dy * weights[to + i * outputs]!;
              }
            }
          }
        }
      }
    }
    for (let place = 0; place < height * width; place++) {
      for (let color = 0; color < colors; color++) {
        const pixel = pixels[place * colors + color]!;
        for (let i = 0; i < channels; i++) expectedBelow[color * channels + i]! += pixel * dz[place * channels + i]!;
      }
    }
  }
  checkClose(session.gradient('net/c/weights'), expected, 1e-5, 'the gradient of the weights');
  checkClose(session.gradient('net/below/weights'), expectedBelow, 1e-5, 'the gradient of those below');
  await session.close();
});

// A convolution with very many weights has ways of its own to all gradients.
it('gives a convolution of many weights the gradients of two that do its halves', async () => {
  const [size, inputs, outputs, places] = [5, 1024, 2048, 9];
  const engine = createEngine(async () => executeHere(await import('onnxruntime-node')));
  const values = (name: string, count: number) => Float32Array.from(uniform(name, count), (u) => 2 * u - 1);
  const some = values('c', 65_521);
  const weights = new Float32Array(places * inputs * outputs);
  for (let index = 0; index < weights.length; index++) weights[index] = some[index % some.length]!;
  /** Calls with where the weights of a part lie in all, row by row. */
  const forRows = (part: number, width: number, copy: (from: number, to: number) => void) => {
    for (let row = 0; row < places * inputs; row++) copy(row * outputs + part * width, row * width);
  };
  const gradients = async (parts: number) => {
    const width = outputs / parts;
    const graph = new GraphBuilder('net', { name: 'x', shape: [size, size, 1], dtype: 'float32' });
    const below = graph.conv2d(graph.input, { name: 'below', channels: inputs, kernel: 1, ...linear });
    const options = { kernel: 3, padding: [1, 1, 2, 1], strides: [2, 1], dilations: [1, 2], ...linear } as const;
    const convolutions = Array.from({ length: parts }, (_, part) =>
      graph.conv2d(below, { name: `c${part}`, channels: width, ...options }),
    );
    const all = parts === 1 ? convolutions[0]! : graph.concat(convolutions, { name: 'joined' });
    const logits = graph.conv2d(graph.mean(all, { name: 'mean' }), { name: 'out', channels: 3, kernel: 1, ...linear });
    const names = convolutions.map((_, part) => `net/c${part}/weights`);
    const session = await engine.openTraining(
      graph.build(graph.reshape(logits, { name: 'logits', shape: [3] }), ['out']),
      { trainable: ['net/below/weights', ...names], optimizer: still },
    );
    session.write('net/below/weights', values('below', inputs));
    session.write('net/out/weights', values('out', outputs * 3));
    for (const [part, name] of names.entries()) {
      const own = new Float32Array(places * inputs * width);
      forRows(part, width, (from, to) => own.set(weights.subarray(from, from + width), to));
      session.write(name, own);
    }
    await session.accumulate({ inputs: values('x', 3 * size * size), labels: Int32Array.of(0, 1, 2) });
    const convolved = new Float32Array(weights.length);
    for (const [part, name] of names.entries()) {
      const own = session.gradient(name);
      forRows(part, width, (to, from) => convolved.set(own.subarray(from, from + width), to));
    }
    const result = { below: session.gradient('net/below/weights'), convolved };
    await session.close();
    return result;
  };
  const [one, two] = [await gradients(1), await gradients(2)];
  checkClose(one.below, two.below, 1e-4, 'the gradient of the weights below');
  checkClose(one.convolved, two.convolved, 1e-4, 'the gradient of the weights');
});

it('turns weights around, plain and in blocks', () => {
  // One of 2 outputs x 2 inputs, a kernel of 1 x 3: the value says output, input and place.
  const weights = Float32Array.from([0, 1, 2, 10, 11, 12, 100, 101, 102, 110, 111, 112]);
  const turned = (block: number) => {
    const to = new Float32Array(weights.length);
    arrangeWeights(weights, [2, 2, 1, 3], 'turned', { inputs: block, outputs: block }, to);
    return [...to];
  };
  expect(turned(1)).toEqual([2, 1, 0, 102, 101, 100, 12, 11, 10, 112, 111, 110]);
  // Of one place: both inputs of the first output, then those of the second.
  expect(turned(2)).toEqual([2, 12, 102, 112, 1, 11, 101, 111, 0, 10, 100, 110]);
});
