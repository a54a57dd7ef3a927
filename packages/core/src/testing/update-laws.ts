import { GraphBuilder } from '../builder.js';
import type { Engine } from '../engine.js';
import type { Optimizer } from '../optimizer.js';
import { check, checkClose } from './contract.js';
import { counting, exampleInputs, labels, network, simple, training, variablesOf } from './engine-networks.js';

/**
 * By TensorFlow 2.15.1: tf.losses.softmax_cross_entropy(tf.one_hot(labels, 5), logits, weights, label_smoothing=0.1) and its
 * gradient by the logits. Its loss is the mean over the examples.
 */
const smoothed = {
  labelSmoothing: 0.1,
  logits: [
    [-2.36999989, -0.411000013, 2.97199988, 0.47299999, -2.0480001],
    [-1.426, 1.25, -0.32100001, -1.53799999, -0.460000008],
    [1.49000001, 3.9519999, -2.48799992, -1.25300002, -1.60800004],
    [-4.83799982, -1.84800005, -2.0480001, 2.24799991, -0.263999999],
  ],
  labels: [2, 0, 4, 4],
  weights: [0.5, 2, 1, 1],
  loss: 3.610347986,
  gradient: [
    [-0.00196937099, 0.00126334443, -0.00413559377, 0.00660941051, -0.00176779297],
    [-0.437342286, 0.319145471, 0.0584086925, 0.0102569852, 0.0495311543],
    [0.0144454455, 0.223060906, -0.00463592168, -0.00374816218, -0.229122236],
    [-0.00481191883, -0.00125988247, -0.00193785178, 0.219778776, -0.211769104],
  ],
};

/** What the options of a training session do to its loss and its updates. */
export const updateLaws: Readonly<Record<string, (engine: Engine) => Promise<void>>> = {
  'leaves weight decay to an optimizer that has it for its own, for decayed variables': async (engine) => {
    const optimizer: Optimizer = {
      ...counting,
      decoupledDecay: true,
      update(weights, _gradient, _slots, rate, _scalars, weightDecay) {
        for (let i = 0; i < weights.length; i++) weights[i]! *= 1 - rate * weightDecay;
      },
    };
    const session = await training(engine, simple, { optimizer, weightDecay: 0.25 });
    const plain = await training(engine, simple);
    const batch = { inputs: exampleInputs(simple, 3), labels };
    await session.accumulate(batch);
    await plain.accumulate(batch);
    const name = 'net/out/weights';
    checkClose(session.gradient(name), plain.gradient(name), 0, 'the gradient');
    checkClose([session.decayLoss()], [0], 0, 'weight decay in the loss');
    await session.update(0.5);
    const variables = variablesOf(simple);
    checkClose(
      session.read(name),
      variables.get(name)!.map((w) => 0.875 * w),
      1e-6,
      'decayed weights',
    );
    checkClose(session.read('net/out/biases'), variables.get('net/out/biases')!, 0, 'biases');
    await Promise.all([session.close(), plain.close()]);
  },
  'clips the gradient with weight decay before the optimizer: its elements, then its norm over all variables': async (
    engine,
  ) => {
    const clipValue = 0.05;
    const clipNorm = 0.04;
    const session = await training(engine, simple, { weightDecay: 0.25, clipValue, clipNorm });
    await session.accumulate({ inputs: exampleInputs(simple, 3), labels });
    const variables = variablesOf(simple);
    const gradients = new Map([...variables.keys()].map((name) => [name, Float64Array.from(session.gradient(name))]));
    let [squares, above] = [0, 0];
    for (const gradient of gradients.values()) {
      for (const [index, value] of gradient.entries()) {
        if (Math.abs(value) > clipValue) above++;
        gradient[index] = Math.sign(value) * Math.min(Math.abs(value), clipValue);
        squares += gradient[index]! ** 2;
      }
    }
    check(above > 0 && Math.sqrt(squares) > clipNorm, 'The test has no gradient that would be clipped.');
    await session.update(0.5);
    for (const [name, gradient] of gradients) {
      const before = variables.get(name)!;
      const expected = gradient.map((value, index) => before[index]! - (0.5 * value * clipNorm) / Math.sqrt(squares));
      checkClose(session.read(name), expected, 1e-6, name);
    }
    await session.close();
  },
  'smooths labels and weights examples as TensorFlow does': async (engine) => {
    // The logits are the inputs, so that the gradient by the weights is inputs times TensorFlow's gradient.
    const width = 5;
    const builder = new GraphBuilder('net', { name: 'inputs', shape: [1, 1, width], dtype: 'float32' });
    const dense = { name: 'out', channels: width, kernel: 1, activation: 'none' } as const;
    const logits = builder.conv2d(builder.input, dense);
    const graph = builder.build(builder.reshape(logits, { name: 'logits', shape: [width] }), ['out']);
    const { labelSmoothing } = smoothed;
    const session = await training(engine, graph, { labelSmoothing });
    const identity = Array.from({ length: width ** 2 }, (_, index) => (index % (width + 1) === 0 ? 1 : 0));
    session.write('net/out/weights', Float32Array.from(identity));
    session.write('net/out/biases', new Float32Array(width));
    const count = smoothed.labels.length;
    const { loss } = await session.accumulate({
      inputs: Float32Array.from(smoothed.logits.flat()),
      labels: Int32Array.from(smoothed.labels),
      weights: Float32Array.from(smoothed.weights, (weight) => weight / count),
    });
    checkClose([loss], [smoothed.loss], 1e-6, 'the loss');
    const expected = identity.map((_, index) => {
      const [row, column] = [Math.floor(index / width), index % width];
      return smoothed.logits.reduce((sum, x, example) => sum + x[row]! * smoothed.gradient[example]![column]!, 0);
    });
    checkClose(session.gradient('net/out/weights'), expected, 1e-5, 'the gradient');
    await session.close();
  },
  'counts the losses of auxiliary outputs apart, each with its weight and of the same smoothed labels': async (
    engine,
  ) => {
    // Both outputs come from the same features by the same weights.
    const graph = network((_, x) => [x, x]);
    const session = await training(engine, graph, { labelSmoothing: 0.2 });
    for (const part of ['weights', 'biases'])
      session.write(`net/auxiliary0/${part}`, variablesOf(graph).get(`net/out/${part}`)!);
    const batch = { inputs: exampleInputs(graph, 3), labels };
    const { loss, auxiliaryLoss } = await session.accumulate(batch);
    checkClose([auxiliaryLoss], [0.3 * loss], 1e-6, 'the auxiliary loss');
    const expected = session.gradient('net/out/weights').map((value) => 0.3 * value);
    checkClose(session.gradient('net/auxiliary0/weights'), expected, 1e-6, 'the gradient by the auxiliary weights');
    const plain = await training(
      engine,
      network((_, x) => x),
      { labelSmoothing: 0.2 },
    );
    const result = await plain.accumulate(batch);
    checkClose([loss, 0], [result.loss, result.auxiliaryLoss], 1e-6, 'the losses without an auxiliary output');
    await Promise.all([session.close(), plain.close()]);
  },
  'multiplies the learning rate of the variables that have a factor': async (engine) => {
    const multipliers = new Map([['net/c/weights', 0.25]]);
    const session = await training(engine, simple, { multipliers });
    await session.accumulate({ inputs: exampleInputs(simple, 3), labels });
    const gradients = new Map(simple.variables.map(({ name }) => [name, session.gradient(name)]));
    await session.update(0.5);
    for (const [name, before] of variablesOf(simple)) {
      const gradient = gradients.get(name)!;
      const rate = 0.5 * (multipliers.get(name) ?? 1);
      checkClose(
        session.read(name),
        before.map((w, index) => w - rate * gradient[index]!),
        1e-6,
        name,
      );
    }
    await session.close();
  },
};
