import { readFile } from 'node:fs/promises';
import { BACKBONE, type Backbone, definePlugin, GraphBuilder, type MemoryUse } from '@graftjs/core';
import { nodeFileSystem as files } from '@graftjs/core/node';
import { checkClose } from '@graftjs/core/testing';
import { onnxEngine } from '@graftjs/engine-onnx';
import { describe, expect, it } from 'vitest';
import { readVariable } from '../test/checkpoints.js';
import { remainsOf } from '../test/remains.js';
import { runTiny, tinySteps } from '../test/run-tiny.js';
import { colourSplit, temporaryFolder, testCount, tinyConfig, tinyContainer, trainCount } from '../test/tiny.js';
import type { BatchNormPolicy } from './batch-norm-policy.js';
import { evaluate } from './evaluate.js';
import type { RunEvent } from './events.js';
import { finetune, resume } from './finetune.js';
import { initialValue } from './initializers.js';
import { openRun } from './open-run.js';
import { createPreprocessing } from './preprocessing/create-preprocessing.js';
import { readImages } from './read-images.js';
import { recalibrationTraining } from './recalibrate.js';
import type { RunConfigInput } from './run-config.js';
import type { RunOptions } from './run-options.js';

/** Two convolutions with batch normalization, and a head. */
const normalNet: Backbone = {
  name: 'normal_net',
  description: 'for tests',
  defaults: { classes: 3, size: 8 },
  heads: ['dense'],
  preprocessing: 'vgg',
  build({ classes = 3, size = 8 } = {}) {
    const graph = new GraphBuilder('normal_net', { name: 'images', shape: [size, size, 3], dtype: 'uint8' });
    const batchNorm = { scale: true, epsilon: 0.01, decay: 0.9 };
    let net = graph.normalize(graph.input, { mean: [128, 128, 128], scale: 1 / 128 });
    net = graph.conv2d(net, { name: 'conv1', channels: 6, kernel: 3, strides: 2, batchNorm });
    net = graph.conv2d(net, { name: 'conv2', channels: 8, kernel: 3, batchNorm });
    net = graph.mean(net, { name: 'pool' });
    net = graph.conv2d(net, { name: 'logits', channels: classes, kernel: 1, activation: 'none' });
    return graph.build(graph.reshape(net, { name: 'squeezed', shape: [classes] }), ['logits']);
  },
};
const graph = normalNet.build();

function normalContainer() {
  const container = tinyContainer();
  definePlugin({
    name: 'normal',
    register: (to) => void to.register(BACKBONE, { useValue: normalNet }),
  }).register(container);
  return container;
}

const config = { ...tinyConfig, model: { name: 'normal_net' } } satisfies RunConfigInput;
const { epochs: _, ...withoutEpochs } = config;
const steps = (count: number): RunConfigInput => ({ ...withoutEpochs, steps: count });
/** All images in one batch, in which nothing changes the weights to speak of. */
const still = { ...steps(1), batchSize: trainCount, learningRate: 1e-12, optimizer: 'sgd' } satisfies RunConfigInput;

async function run(given: RunConfigInput, options: Partial<RunOptions> = {}) {
  const folder = `${await temporaryFolder()}/run`;
  const events: RunEvent[] = [];
  const onEvent = (event: RunEvent) => void events.push(event);
  const result = await finetune(given, normalContainer(), { files, folder, onEvent, ...options });
  const of = <T extends RunEvent['type']>(type: T) =>
    events.filter((event): event is Extract<RunEvent, { type: T }> => event.type === type);
  const read = (name: string) => readVariable(`${folder}/checkpoints/model.ckpt-${result.steps}`, `normal_net/${name}`);
  /** The variables that are no more what they were at the start. */
  const changed: string[] = [];
  for (const variable of graph.variables) {
    const name = variable.name.replace('normal_net/', '');
    const [before, after] = [initialValue(variable, 0), await read(name)];
    if (after.some((value, index) => value !== before[index])) changed.push(name);
  }
  return { folder, result, of, read, changed };
}

const part = (layer: string, ...names: readonly string[]) => names.map((name) => `${layer}/${name}`);
const affine = (layer: string) => part(`${layer}/BatchNorm`, 'gamma', 'beta');
const averages = (layer: string) => part(`${layer}/BatchNorm`, 'moving_mean', 'moving_variance');
const head = part('logits', 'weights', 'biases');
const layer = (name: string) => [`${name}/weights`, ...affine(name), ...averages(name)];

describe('what a policy changes', () => {
  it.each<[BatchNormPolicy, RunConfigInput['train'], string[]]>([
    ['train', 'all', [...layer('conv1'), ...layer('conv2'), ...head]],
    ['train', ['normal_net/conv2', 'normal_net/logits'], [...layer('conv2'), ...head]],
    ['train', 'head', head],
    ['frozen', 'all', ['conv1/weights', ...affine('conv1'), 'conv2/weights', ...affine('conv2'), ...head]],
    ['folded', 'all', ['conv1/weights', 'conv2/weights', ...head]],
    ['slim', 'head', [...averages('conv1'), ...averages('conv2'), ...head]],
    ['slim', ['normal_net/conv2'], [...averages('conv1'), ...layer('conv2')]],
    ['recalibrated', 'head', [...averages('conv1'), ...averages('conv2'), ...head]],
    ['recalibrated', 'all', [...layer('conv1'), ...layer('conv2'), ...head]],
  ])('%s, training %j: %j', async (batchNorm, train, expected) => {
    const { changed, folder } = await run({ ...steps(4), batchNorm, train });
    expect(changed.sort()).toEqual([...expected].sort());
    const { batchNorm: recorded } = JSON.parse(await readFile(`${folder}/config.json`, 'utf8'));
    expect(recorded).toBe(batchNorm);
  });

  it('is train where nothing is said', async () => {
    const said = await run({ ...steps(3), batchNorm: 'train' });
    const unsaid = await run(steps(3));
    expect(unsaid.result.metrics).toEqual(said.result.metrics);
  });
});

/** The images of the training split, as the network takes them, and what a convolution makes of each. */
async function convolved(written: ReadonlyMap<string, Float32Array>, node: string): Promise<Float32Array> {
  const session = await onnxEngine.open(graph);
  for (const variable of graph.variables)
    session.write(variable.name, written.get(variable.name) ?? initialValue(variable, 0));
  const indices = Uint32Array.from({ length: trainCount }, (_, index) => index);
  const preparation = { size: 8, preprocessing: createPreprocessing(['none']) };
  const images = await readImages(colourSplit(trainCount, 0), indices, preparation);
  const result = await session.predict(images, trainCount, [node]);
  await session.close();
  return result.get(node)!;
}

/** Mean, and variance with Bessel's correction, of each channel. */
function statisticsOf(values: Float32Array, channels: number) {
  const count = values.length / channels;
  const mean = new Float64Array(channels);
  for (const [index, value] of values.entries()) mean[index % channels]! += value / count;
  const variance = new Float64Array(channels);
  for (const [index, value] of values.entries())
    variance[index % channels]! += (value - mean[index % channels]!) ** 2 / (count - 1);
  return { mean, variance };
}

describe('recalibrated', () => {
  it.each([8, trainCount])('is the mean and variance over all images, in batches of %i', async (batchSize) => {
    const { read } = await run({ ...still, batchNorm: 'recalibrated', batchSize });
    const { mean, variance } = statisticsOf(await convolved(new Map(), 'normal_net/conv1/Conv2D'), 6);
    checkClose(await read('conv1/BatchNorm/moving_mean'), mean, 1e-5, 'mean');
    checkClose(await read('conv1/BatchNorm/moving_variance'), variance, 1e-5, 'variance');
  });

  it('of a layer above another is of features that are normalized by the data', async () => {
    const { read } = await run({ ...still, batchNorm: 'recalibrated' });
    const { mean, variance } = statisticsOf(await convolved(new Map(), 'normal_net/conv1/Conv2D'), 6);
    const places = trainCount * 16;
    const below = new Map([
      ['normal_net/conv1/BatchNorm/moving_mean', Float32Array.from(mean)],
      // A batch is normalized by its variance without the correction.
      ['normal_net/conv1/BatchNorm/moving_variance', Float32Array.from(variance, (v) => (v * (places - 1)) / places)],
    ]);
    const above = statisticsOf(await convolved(below, 'normal_net/conv2/Conv2D'), 8);
    checkClose(await read('conv2/BatchNorm/moving_mean'), above.mean, 1e-5, 'mean');
    checkClose(await read('conv2/BatchNorm/moving_variance'), above.variance, 1e-5, 'variance');
  });

  it('happens once, before the first step, and the run is the same where it was stopped meanwhile or later', async () => {
    const whole = await run({ ...config, batchNorm: 'recalibrated' });
    expect(whole.of('recalibrating').map(({ done, count }) => [done, count])).toEqual(
      [8, 16, 24, 32, 40, 48, 50].map((done) => [done, 50]),
    );
    const lastStep = 21;
    for (const stop of [(event: RunEvent) => event.type === 'recalibrating' && event.done === 24, stopAtStep(9)]) {
      const folder = `${await temporaryFolder()}/run`;
      const container = normalContainer();
      const controller = new AbortController();
      const onEvent = (event: RunEvent) => stop(event) && controller.abort();
      const begun = finetune({ ...config, batchNorm: 'recalibrated' }, container, {
        files,
        folder,
        onEvent,
        signal: controller.signal,
      });
      await expect(begun).rejects.toMatchObject({ code: 'run/aborted' });
      await resume(folder, container, { files });
      const [stopped, unstopped] = [await remainsOf(folder, lastStep), await remainsOf(whole.folder, lastStep)];
      expect(stopped.weights).toEqual(unstopped.weights);
      expect(stopped.metrics).toEqual(unstopped.metrics);
    }
  });

  it('comes before the features of frozen layers are kept', async () => {
    const features = { folder: `${await temporaryFolder()}/features` };
    const given: RunConfigInput = { ...steps(5), batchNorm: 'recalibrated', train: 'head' };
    const [kept, computed] = [await run(given, { features }), await run(given)];
    expect(kept.of('frozen')).toMatchObject([{ output: 'normal_net/pool' }]);
    expect(kept.of('frozen')[0]!.reason).toBeUndefined();
    // Features come from a session that only predicts, whose normalization the engine may fold into the weights.
    const { loss, ...scores } = computed.result.metrics;
    expect(kept.result.metrics).toMatchObject(scores);
    expect(kept.result.metrics.loss / loss).toBeCloseTo(1, 6);
    for (const name of averages('conv2')) expect(await kept.read(name)).toEqual(await computed.read(name));
  });

  it('is reckoned with where memory is short', async () => {
    const { graph: other, training } = recalibrationTraining(graph);
    const use: MemoryUse = await onnxEngine.trainingMemory!(other, training);
    const refused = run({ ...steps(1), batchNorm: 'recalibrated', train: 'head' }, { availableMemory: use(8) });
    await expect(refused).rejects.toMatchObject({ code: 'run/memory' });
  });
});

const stopAtStep = (step: number) => (event: RunEvent) => event.type === 'step' && event.step === step;

describe('frozen layers', () => {
  it('are computed once an image, and not under slim, which says why', async () => {
    const features = async () => ({ features: { folder: `${await temporaryFolder()}/features` } });
    const train = await run({ ...steps(3), train: 'head' }, await features());
    expect(train.of('features').length).toBeGreaterThan(0);
    const slim = await run({ ...steps(3), train: 'head', batchNorm: 'slim' }, await features());
    expect(slim.of('features')).toEqual([]);
    expect(slim.of('frozen')).toMatchObject([{ output: 'normal_net/pool', reason: expect.stringMatching(/'slim'/) }]);
  });
});

describe('refused', () => {
  it('is a policy for a network without batch normalization', async () => {
    const refused = runTiny({ ...tinySteps(1), batchNorm: 'frozen' });
    await expect(refused).rejects.toMatchObject({ code: 'usage/no-batch-norm' });
  });

  it('is folded where nothing else is to train', async () => {
    const refused = run({ ...steps(1), batchNorm: 'folded', train: ['normal_net/conv1/BatchNorm'] });
    await expect(refused).rejects.toMatchObject({ code: 'usage/nothing-trains' });
  });

  it('is one that there is not', async () => {
    const refused = run({ ...steps(1), batchNorm: 'melted' as BatchNormPolicy });
    await expect(refused).rejects.toThrow(/batchNorm is "melted"\. Accepted: 'train', 'frozen', 'folded'/);
  });
});

describe('training compared with use', () => {
  it('is the loss of the last step’s images by the batch’s statistics, and by the moving averages', async () => {
    const { folder, of, result } = await run({ ...still, batchNorm: 'train' });
    const { modes } = of('evaluation')[0]!;
    expect(modes!.trainingLoss).toBeCloseTo(of('step')[0]!.loss, 6);
    const opened = await openRun(folder, normalContainer(), { files });
    const evaluated = await evaluate(opened.session, colourSplit(trainCount, 0), opened.classes, opened);
    await opened.close();
    expect(modes!.inferenceLoss).toBeCloseTo(evaluated.loss, 6);
    expect(modes!.inferenceLoss).not.toBeCloseTo(modes!.trainingLoss, 2);
    expect(result.metrics.modes).toEqual(modes);
    const lines = (await readFile(`${folder}/metrics.jsonl`, 'utf8')).trimEnd().split('\n');
    expect(JSON.parse(lines.at(-1)!)).toMatchObject({ type: 'evaluation', count: testCount, modes });
  });

  it('covers all batches of a step', async () => {
    const whole = await run({ ...still, batchSize: 26, accumulate: 2 });
    const opened = await openRun(whole.folder, normalContainer(), { files });
    const evaluated = await evaluate(opened.session, colourSplit(trainCount, 0), opened.classes, opened);
    await opened.close();
    // The first batch is run before the second one has moved the averages.
    expect(whole.result.metrics.modes!.inferenceLoss).toBeCloseTo(evaluated.loss, 1);
    expect(whole.result.metrics.modes!.trainingLoss).toBeCloseTo(whole.of('step')[0]!.loss, 6);
  });

  it.each<[BatchNormPolicy, RunConfigInput['train'], boolean]>([
    ['train', 'all', true],
    ['train', 'head', false],
    ['slim', 'head', true],
    ['frozen', 'all', false],
    ['folded', 'all', false],
    ['recalibrated', 'all', false],
  ])('is made under %s, training %s: %s', async (batchNorm, train, expected) => {
    const { of } = await run({ ...steps(2), batchNorm, train });
    expect(of('evaluation').map(({ modes }) => modes !== undefined)).toEqual([expected]);
  });

  it('warns while the averages lag behind, and no more when they have caught up', async () => {
    // They begin as 0 and 1, and move by a tenth in each step; grey levels as they are make them thousands.
    const model = { name: 'normal_net', normalization: { mean: [128, 128, 128], deviation: [1, 1, 1] } } as const;
    const { of } = await run({ ...steps(20), model, evalEvery: 1, batchSize: trainCount });
    const parted = of('evaluation').map(({ modes }) => modes!.part);
    expect(parted[0]).toBe(true);
    expect(parted.slice(-5)).not.toContain(true);
  });
});
