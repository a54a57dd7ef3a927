import { BACKBONE, type Backbone, GraphBuilder, type Value } from '@graftjs/core';
import { nodeFileSystem as files } from '@graftjs/core/node';
import { expect, it } from 'vitest';
import { readCheckpoint } from '../test/checkpoints.js';
import { temporaryFolder, testCount, tinyConfig, tinyContainer, trainCount } from '../test/tiny.js';
import type { RunEvent } from './events.js';
import type { FeatureCacheOptions } from './feature-cache.js';
import { finetune } from './finetune.js';
import type { RunConfigInput } from './run-config.js';

/** A network with a second result below its own. */
const auxiliaryNet = (weight: number): Backbone => ({
  name: 'auxiliary_net',
  description: 'for tests',
  defaults: { classes: 3, size: 8 },
  heads: ['dense'],
  preprocessing: 'vgg',
  build({ classes = 3, size = 8 } = {}) {
    const graph = new GraphBuilder('auxiliary_net', { name: 'images', shape: [size, size, 3], dtype: 'uint8' });
    const classifier = (x: Value, name: string) => {
      const pooled = graph.mean(x, { name: `${name}/pool` });
      const logits = graph.conv2d(pooled, { name, channels: classes, kernel: 1, activation: 'none' });
      return graph.reshape(logits, { name: `${name}/squeezed`, shape: [classes] });
    };
    const net = graph.normalize(graph.input, { mean: [128, 128, 128], scale: 1 / 128 });
    const lower = graph.conv2d(net, { name: 'conv1', channels: 6, kernel: 3, strides: 2 });
    const upper = graph.conv2d(lower, { name: 'conv2', channels: 8, kernel: 3 });
    const auxiliary = [{ output: classifier(lower, 'aux'), weight }];
    return graph.build(classifier(upper, 'logits'), ['logits', 'aux'], auxiliary);
  },
});

const config = {
  ...tinyConfig,
  model: { name: 'auxiliary_net' },
  train: 'head',
  optimizer: 'sgd',
  weightDecay: 0,
} satisfies RunConfigInput;

async function run(weight: number, change: Partial<RunConfigInput>, features?: FeatureCacheOptions) {
  const container = tinyContainer();
  container.register(BACKBONE, { useValue: auxiliaryNet(weight) });
  const folder = `${await temporaryFolder()}/run`;
  const events: RunEvent[] = [];
  const onEvent = (event: RunEvent) => void events.push(event);
  const options = { files, folder, onEvent, ...(features && { features }) };
  const { steps } = await finetune({ ...config, ...change }, container, options);
  const variables = await readCheckpoint(`${folder}/checkpoints/model.ckpt-${steps}`);
  return {
    steps: events.filter((event) => event.type === 'step'),
    frozen: events.find((event) => event.type === 'frozen'),
    start: events.find((event) => event.type === 'start')!,
    read: (name: string) => new Float32Array(variables.get(`auxiliary_net/${name}`)!.bytes.slice().buffer),
  };
}

it('the losses of auxiliary outputs count in the total alone, by their weight', async () => {
  const [first, second] = [await run(0.25, {}), await run(0.5, {})];
  const added = ({ steps: [step] }: typeof first) => step!.totalLoss - step!.loss;
  expect(first.steps[0]!.loss).toBe(second.steps[0]!.loss);
  expect(added(first)).toBeGreaterThan(0.1);
  expect(added(second)).toBeCloseTo(2 * added(first), 6);
});

it('auxiliary layers are trained with the head, on what the frozen layers below both give, computed once', async () => {
  const cache = { folder: `${await temporaryFolder()}/features` };
  const [without, once] = [await run(0.5, {}), await run(0.5, {}, cache)];
  expect(once.start.config.trained).toEqual(
    ['aux', 'logits'].flatMap((layer) => [`auxiliary_net/${layer}/weights`, `auxiliary_net/${layer}/biases`]),
  );
  // The means of six and of eight channels.
  const output = 'auxiliary_net/aux/pool/Mean + auxiliary_net/logits/pool/Mean';
  expect(once.frozen).toMatchObject({ output, bytes: (trainCount + testCount) * 4 * 14 + 2 * 32 });
  expect(once.frozen).not.toHaveProperty('reason');
  for (const [step, { loss, totalLoss }] of without.steps.entries()) {
    expect(once.steps[step]!.loss).toBeCloseTo(loss, 5);
    expect(once.steps[step]!.totalLoss).toBeCloseTo(totalLoss, 5);
  }
  for (const name of ['aux/weights', 'logits/weights', 'conv1/weights']) {
    const [expected, found] = [without.read(name), once.read(name)];
    for (const [index, value] of expected.entries()) expect(found[index]).toBeCloseTo(value, 5);
  }
  expect(once.read('aux/biases').every((value) => value !== 0)).toBe(true);
});

it('all layers below an auxiliary output learn by it', async () => {
  const [little, much] = [await run(0, { train: 'all' }), await run(2, { train: 'all' })];
  expect(much.read('conv1/biases')).not.toEqual(little.read('conv1/biases'));
  expect(little.read('aux/biases').every((value) => value === 0)).toBe(true);
});
