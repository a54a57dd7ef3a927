import { GraphBuilder, type Value } from '../builder.js';
import { elementCount } from '../dtype.js';
import type { Engine, Session, TrainingOptions, TrainingSession } from '../engine.js';
import type { Graph } from '../graph.js';
import type { Optimizer } from '../optimizer.js';
import { formulaImage, formulaVariable, uniform } from './formula.js';

export const classes = 3;
export const size = { height: 9, width: 7, channels: 3 };

/** The logits that a dense layer makes of an image. */
function classifier(graph: GraphBuilder, features: Value, name: string): Value {
  const kernel = [features.shape[0]!, features.shape[1]!] as const;
  const logits = graph.conv2d(features, { name, channels: classes, kernel, padding: 'VALID', activation: 'none' });
  return graph.reshape(logits, { name: name === 'out' ? 'logits' : `${name}/logits`, shape: [classes] });
}

/**
 * An image, `layers`, and a dense layer on whatever they give.
 * @param layers may give several values: the last is what the result is made of, the others of auxiliary ones with the weights
 * 0.3, 0.6 and so on
 */
export function network(
  layers: (graph: GraphBuilder, x: Value) => Value | readonly Value[],
  dtype: 'uint8' | 'float32' = 'float32',
): Graph {
  const graph = new GraphBuilder('net', { name: 'images', shape: [size.height, size.width, size.channels], dtype });
  const features = [layers(graph, graph.input)].flat();
  const auxiliary = features.slice(0, -1).map((value, index) => {
    return { output: classifier(graph, value, `auxiliary${index}`), weight: 0.3 * (index + 1) };
  });
  return graph.build(classifier(graph, features.at(-1)!, 'out'), ['out'], auxiliary);
}

/** A trained layer below the one under test, so that the gradient has to pass through it. */
export const below = (graph: GraphBuilder, x: Value): Value =>
  graph.conv2d(x, { name: 'below', channels: 6, kernel: 3 });

const batchNorm = { scale: true, epsilon: 0.01, decay: 0.9 };

/** The same with batch normalization. */
export const normal = (graph: GraphBuilder, x: Value): Value =>
  graph.conv2d(x, { name: 'below', channels: 6, kernel: 3, batchNorm });

/** Networks that have every operation in them, in every form that it can take. */
export const networks: Readonly<Record<string, Graph>> = {
  'a 3x3 convolution, SAME': network((g, x) => g.conv2d(below(g, x), { name: 'c', channels: 5, kernel: 3 })),
  'a convolution of many channels': network((g, x) =>
    g.conv2d(g.conv2d(x, { name: 'below', channels: 40, kernel: 1 }), { name: 'c', channels: 4, kernel: [3, 2] }),
  ),
  'convolutions of 8 and 16 channels, and pooling': network((g, x) => {
    const first = g.conv2d(x, { name: 'a', channels: 16, kernel: 3 });
    const pooled = g.maxPool(first, { name: 'p', kernel: 2, strides: 1, padding: 'SAME' });
    return g.conv2d(g.conv2d(pooled, { name: 'b', channels: 8, kernel: 3 }), { name: 'c', channels: 16, kernel: 1 });
  }),
  'a 3x3 convolution, VALID': network((g, x) =>
    g.conv2d(below(g, x), { name: 'c', channels: 5, kernel: 3, padding: 'VALID' }),
  ),
  'a strided convolution, SAME': network((g, x) =>
    g.conv2d(below(g, x), { name: 'c', channels: 5, kernel: 3, strides: 2 }),
  ),
  'a strided convolution that leaves a rest, VALID': network((g, x) =>
    g.conv2d(below(g, x), { name: 'c', channels: 5, kernel: 2, strides: [3, 2], padding: 'VALID' }),
  ),
  'a dilated convolution': network((g, x) =>
    g.conv2d(below(g, x), { name: 'c', channels: 5, kernel: 3, dilations: 2 }),
  ),
  'a strided, dilated, unevenly padded convolution without biases': network((g, x) =>
    g.conv2d(below(g, x), {
      name: 'c',
      channels: 5,
      kernel: [3, 2],
      strides: 2,
      dilations: [1, 2],
      padding: [2, 0, 1, 3],
      biases: false,
    }),
  ),
  'a padding wider than the kernel': network((g, x) =>
    g.conv2d(below(g, x), { name: 'c', channels: 4, kernel: 1, padding: [1, 2, 0, 1] }),
  ),
  'a 1x1 convolution': network((g, x) => g.conv2d(below(g, x), { name: 'c', channels: 5, kernel: 1 })),
  'a convolution in two groups, strided and uneven': network((g, x) =>
    g.conv2d(below(g, x), {
      name: 'c',
      channels: 4,
      kernel: [3, 2],
      strides: [2, 1],
      groups: 2,
      padding: [2, 0, 0, 1],
    }),
  ),
  'a convolution of many channels in three groups': network((g, x) =>
    g.conv2d(g.conv2d(x, { name: 'below', channels: 48, kernel: 1 }), { name: 'c', channels: 6, kernel: 3, groups: 3 }),
  ),
  'convolutions of 16 channels in groups, of one place and of all': network((g, x) => {
    const first = g.conv2d(x, { name: 'a', channels: 16, kernel: 3 });
    const second = g.conv2d(first, { name: 'b', channels: 16, kernel: 1, groups: 2, batchNorm });
    return g.conv2d(second, {
      name: 'c',
      channels: 8,
      kernel: [9, 7],
      groups: 2,
      padding: 'VALID',
      activation: 'none',
    });
  }),
  'a depthwise convolution': network((g, x) =>
    g.conv2d(below(g, x), { name: 'c', channels: 6, kernel: 3, dilations: 2, groups: 6 }),
  ),
  'a separable convolution with two outputs a channel': network((g, x) =>
    g.separableConv2d(below(g, x), { name: 'c', channels: 5, kernel: [3, 4], strides: 2, multiplier: 2 }),
  ),
  'a dense layer on a dense layer': network((g, x) =>
    g.conv2d(below(g, x), { name: 'c', channels: 8, kernel: [9, 7], padding: 'VALID' }),
  ),
  'batch normalization': network((g, x) => g.conv2d(normal(g, x), { name: 'c', channels: 5, kernel: 3 })),
  'batch normalization without gamma, and no rectifier': network((g, x) =>
    g.conv2d(below(g, x), { name: 'c', channels: 5, kernel: 3, batchNorm: { epsilon: 0.02 }, activation: 'none' }),
  ),
  'batch normalization in blocks of channels': network((g, x) => {
    const first = g.conv2d(x, { name: 'a', channels: 16, kernel: 3, batchNorm });
    const second = g.conv2d(first, { name: 'b', channels: 8, kernel: 3, strides: 2, batchNorm });
    return g.conv2d(second, { name: 'c', channels: 16, kernel: 1, batchNorm });
  }),
  'batch normalization of a vector': network((g, x) =>
    g.conv2d(below(g, x), { name: 'c', channels: 8, kernel: [9, 7], padding: 'VALID', batchNorm }),
  ),
  'a sum of three, one of them twice': network((g, x) => {
    const first = below(g, x);
    const second = g.conv2d(first, { name: 'c', channels: 6, kernel: 1 });
    return g.sum([first, second, first], { name: 's' });
  }),
  'a residual unit': network((g, x) => {
    const first = g.conv2d(x, { name: 'below', channels: 8, kernel: 3, batchNorm });
    const shortcut = g.maxPool(first, { name: 'shortcut', kernel: 1, strides: 2 });
    const inner = g.conv2d(first, { name: 'a', channels: 16, kernel: 3, strides: 2, batchNorm });
    const outer = g.conv2d(inner, { name: 'b', channels: 8, kernel: 1, batchNorm, activation: 'none' });
    const sum = g.relu(g.sum([shortcut, outer], { name: 'sum' }), { name: 'relu' });
    return g.conv2d(sum, { name: 'above', channels: 8, kernel: 1 });
  }),
  'branches side by side, one of them untrainable': network((g, x) => {
    const first = below(g, x);
    const second = g.conv2d(first, { name: 'c', channels: 8, kernel: 3 });
    return g.conv2d(g.concat([second, x, first, second], { name: 'side' }), { name: 'd', channels: 4, kernel: 1 });
  }),
  'branches of 8 and 16 channels side by side': network((g, x) => {
    const first = g.conv2d(x, { name: 'a', channels: 16, kernel: 3 });
    const second = g.conv2d(first, { name: 'b', channels: 8, kernel: 3 });
    const pooled = g.avgPool(first, { name: 'p', kernel: 3, strides: 1, padding: 'SAME' });
    const side = g.concat([first, second, pooled, second], { name: 'side' });
    return g.conv2d(g.mean(side, { name: 'm' }), { name: 'c', channels: 16, kernel: 1 });
  }),
  'some of the channels, of images and of a vector': network((g, x) => {
    const first = below(g, x);
    const some = [g.slice(first, { name: 's', start: 1, size: 3 }), g.slice(first, { name: 't', start: 4, size: 2 })];
    const vector = g.reshape(g.concat(some, { name: 'side' }), { name: 'v', shape: [9 * 7 * 5] });
    const part = g.slice(vector, { name: 'part', start: 60, size: 100 });
    return g.reshape(part, { name: 'p', shape: [5, 4, 5] });
  }),
  'an auxiliary output': network((g, x) => {
    const first = below(g, x);
    const upper = g.conv2d(g.maxPool(first, { name: 'p', kernel: 2 }), {
      name: 'c',
      channels: 4,
      kernel: 3,
      batchNorm,
    });
    return [
      g.conv2d(g.avgPool(first, { name: 'q', kernel: 3 }), { name: 'd', channels: 4, kernel: 1, batchNorm }),
      upper,
    ];
  }),
  'auxiliary outputs one above the other': network((g, x) => {
    const first = g.conv2d(x, { name: 'below', channels: 8, kernel: 3 });
    const second = g.maxPool(first, { name: 'p', kernel: 3 });
    const third = g.conv2d(second, { name: 'c', channels: 8, kernel: 3, strides: 2 });
    return [first, second, third];
  }),
  'max pooling': network((g, x) => g.maxPool(below(g, x), { name: 'p', kernel: 2 })),
  'max pooling with overlap, SAME': network((g, x) =>
    g.maxPool(below(g, x), { name: 'p', kernel: 3, strides: 2, padding: 'SAME' }),
  ),
  'average pooling, SAME': network((g, x) =>
    g.avgPool(below(g, x), { name: 'p', kernel: 3, strides: 2, padding: 'SAME' }),
  ),
  'average pooling that leaves a rest': network((g, x) => g.avgPool(below(g, x), { name: 'p', kernel: 2 })),
  'max pooling of negative values over zeros around them': network((g, x) => {
    const values = g.conv2d(below(g, x), { name: 'c', channels: 5, kernel: 1, activation: 'none' });
    return g.maxPool(g.pad(values, { name: 'z', padding: [1, 2, 0, 1] }), { name: 'p', kernel: 3 });
  }),
  'a transposed convolution, SAME, cropped': network((g, x) => {
    const enlarged = g.conv2dTranspose(below(g, x), { name: 't', channels: 4, kernel: 4, strides: 2 });
    return g.crop(enlarged, { name: 'crop', margins: [1, 4, 0, 3] });
  }),
  'a transposed convolution of an odd kernel, VALID': network((g, x) =>
    g.conv2dTranspose(g.maxPool(below(g, x), { name: 'p', kernel: 2 }), {
      name: 't',
      channels: 3,
      kernel: [5, 3],
      strides: [2, 3],
      padding: 'VALID',
    }),
  ),
  'a transposed convolution of 16 channels, unevenly cut': network((g, x) => {
    const first = g.conv2d(x, { name: 'a', channels: 16, kernel: 3, strides: 2 });
    const layer = { name: 't', channels: 8, kernel: [3, 4], strides: [1, 2], padding: [2, 0, 1, 3] } as const;
    return g.conv2d(g.conv2dTranspose(first, layer), { name: 'b', channels: 8, kernel: 1 });
  }),
  'images without their margins': network((g, x) => g.crop(below(g, x), { name: 'crop', margins: [1, 2, 3, 0] })),
  'local response normalization': network((g, x) =>
    g.lrn(below(g, x), { name: 'n', depthRadius: 1, bias: 2, alpha: 0.3, beta: 0.75 }),
  ),
  'global average pooling': network((g, x) => g.mean(below(g, x), { name: 'm' })),
  'a reshape of an image': network((g, x) => g.reshape(below(g, x), { name: 'r', shape: [7, 9, 6] })),
  'softmax of an image': network((g, x) => g.softmax(below(g, x), { name: 's' })),
  'dropout at rest': network((g, x) => g.dropout(below(g, x), { name: 'd', keep: 1 })),
  'normalized bytes': network((g, x) => g.normalize(x, { mean: [120.5, 110, 99.9], scale: 1 / 64 }), 'uint8'),
  'bytes normalized by channel': network(
    (g, x) => g.normalize(x, { mean: [120.5, 110, 99.9], scale: [1 / 64, 1 / 49, 0.5] }),
    'uint8',
  ),
};

/** `w -= rate * gradient`, with a slot that counts the updates. */
export const counting: Optimizer = {
  name: 'counting',
  slots: [{ name: 'Count', initial: 0.5 }],
  scalars: [{ name: 'power', initial: 0.5 }],
  update(weights, gradient, [count], rate) {
    for (let i = 0; i < weights.length; i++) {
      weights[i]! -= rate * gradient[i]!;
      count![i]! += 1;
    }
  },
  advance(scalars) {
    scalars[0]! *= 0.5;
  },
};

export function variablesOf(graph: Graph): Map<string, Float32Array> {
  return new Map(graph.variables.map(({ name, shape }) => [name, formulaVariable(name, shape)]));
}

export function writeAll(session: Session, variables: ReadonlyMap<string, Float32Array>): void {
  for (const [name, values] of variables) session.write(name, values);
}

export function exampleInputs(graph: Graph, count: number): Uint8Array | Float32Array {
  const length = count * elementCount(graph.input.shape);
  if (graph.input.dtype === 'uint8') return formulaImage('inputs', length / 3, 1);
  return Float32Array.from(uniform('inputs', length), (u) => 2 * u - 1);
}

export const labels = Int32Array.from([2, 0, 1]);

/** For laws that hold of any network. */
export const simple = networks['a 3x3 convolution, SAME']!;

/** The variables that a gradient reaches. */
export const trainableOf = (graph: Graph): string[] =>
  graph.variables.filter(({ trainable }) => trainable).map(({ name }) => name);

/** A training session of a network whose variables are the formula's; by default all of them train. */
export async function training(
  engine: Engine,
  graph: Graph,
  options: Partial<TrainingOptions> = {},
): Promise<TrainingSession> {
  const trainable = trainableOf(graph);
  const session = await engine.openTraining(graph, { trainable, optimizer: counting, ...options });
  writeAll(session, variablesOf(graph));
  return session;
}
