import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { slimV2 } from '@graftjs/ckpt-slim';
import { type Dataset, GraftError, type Split } from '@graftjs/core';
import { nodeFileSystem as files } from '@graftjs/core/node';
import { describe, expect, it } from 'vitest';
import { readCheckpoint, readVariable } from '../test/checkpoints.js';
import { runTiny, tinySteps } from '../test/run-tiny.js';
import { colourSet, colourSplit, temporaryFolder, tinyConfig, tinyContainer, tinyNet } from '../test/tiny.js';
import { evaluate } from './evaluate.js';
import type { RunEvent } from './events.js';
import { finetune, resume } from './finetune.js';
import { initialValue } from './initializers.js';
import type { Evaluation } from './metrics.js';
import { openRun } from './open-run.js';
import type { RunConfigInput } from './run-config.js';

const learning = { ...tinyConfig, epochs: 12 } satisfies RunConfigInput;

describe('a run', () => {
  it('learns what can be learned, and tells of each step, evaluation and checkpoint', async () => {
    const { folder, result, events, of } = await runTiny(learning);
    // Three classes of as many images each.
    expect(result.metrics.top1).toBeGreaterThan(0.9);
    expect(result.metrics.loss).toBeLessThan(Math.log(3) / 2);
    expect(result).toMatchObject({ run: folder, steps: 12 * 7 });
    expect(events[0]).toMatchObject({
      type: 'start',
      totalSteps: 84,
      stepsPerEpoch: 7,
      counts: { train: 50, test: 21 },
    });
    expect(of('step').map(({ step }) => step)).toEqual(Array.from({ length: 84 }, (_, step) => step + 1));
    expect(of('step').at(-1)).toMatchObject({ epoch: 12, loss: result.loss, learningRate: 0.01 });
    const ends = Array.from({ length: 12 }, (_, epoch) => 7 * (epoch + 1));
    expect(of('evaluation').map(({ step }) => step)).toEqual(ends);
    expect(of('saved').map(({ step }) => step)).toEqual(ends);
    expect(of('evaluation').at(-1)!.result).toMatchObject(result.metrics);
    expect(events.at(-1)).toEqual({ type: 'stopped', step: 84, reason: 'finished' });
    const lines = (await readFile(`${folder}/metrics.jsonl`, 'utf8')).trimEnd().split('\n');
    const told = events.filter(({ type }) => type === 'step' || type === 'evaluation');
    expect(lines.length).toBe(told.length);
    for (const [index, line] of lines.entries()) {
      const { type, step } = told[index] as Extract<RunEvent, { type: 'step' | 'evaluation' }>;
      expect(JSON.parse(line)).toMatchObject({ type, step });
    }
  });

  it('writes a config that runs the same again', async () => {
    const first = await runTiny({ ...tinyConfig, seed: 5, train: 'head', augment: ['flip'] });
    const record = JSON.parse(await readFile(`${first.folder}/config.json`, 'utf8')) as Record<string, unknown>;
    expect(record).toMatchObject({
      model: { name: 'tiny_net', head: 'dense', size: 8, width: 1, classes: 3 },
      classes: ['red', 'green', 'blue'],
      trained: ['tiny_net/logits/weights', 'tiny_net/logits/biases'],
    });
    const { classes: _, trained: __, ...config } = record;
    const again = await runTiny(config as RunConfigInput);
    expect(again.result.metrics).toEqual(first.result.metrics);
    expect(again.of('step').map(({ loss }) => loss)).toEqual(first.of('step').map(({ loss }) => loss));
  });

  it('evaluates and saves when it is told to, and at the end', async () => {
    const { of } = await runTiny({ ...tinySteps(11), evalEvery: 4, saveEvery: 5 });
    expect(of('evaluation').map(({ step }) => step)).toEqual([4, 8, 11]);
    expect(of('saved').map(({ step }) => step)).toEqual([5, 10, 11]);
  });

  it('trains and tests on as many images as it is limited to', async () => {
    const dataset = { ...tinyConfig.dataset, limitTrain: 10, limitTest: 4 };
    const { events, result, of } = await runTiny({ ...tinyConfig, dataset, epochs: 2 });
    expect(events[0]).toMatchObject({ counts: { train: 10, test: 4 }, stepsPerEpoch: 2 });
    expect(of('step').length).toBe(4);
    expect(result.metrics.count).toBe(4);
  });

  it('counts weight decay into the total loss alone', async () => {
    const plain = await runTiny(tinySteps(1));
    const decayed = await runTiny({ ...tinySteps(1), weightDecay: 0.1 });
    const [before] = plain.of('step');
    const [after] = decayed.of('step');
    let squares = 0;
    for (const variable of tinyNet.build().variables) {
      if (variable.decayed) for (const value of initialValue(variable, 0)) squares += value * value;
    }
    expect(before!.totalLoss).toBe(before!.loss);
    expect(after!.loss).toBe(before!.loss);
    expect(after!.totalLoss - after!.loss).toBeCloseTo((0.1 * squares) / 2, 5);
  });
});

describe('from a checkpoint', () => {
  const restoring = async (change: Partial<RunConfigInput>) => {
    const source = await runTiny({ ...learning, seed: 1 });
    const path = `${source.folder}/checkpoints/model.ckpt-84`;
    const tuned = await runTiny({
      ...tinySteps(1),
      seed: 2,
      checkpoint: { path, exclude: ['tiny_net/logits'] },
      ...change,
    });
    const before = await readCheckpoint(path);
    const after = await readCheckpoint(`${tuned.folder}/checkpoints/model.ckpt-1`);
    const same = (name: string) => Buffer.compare(before.get(name)!.bytes, after.get(name)!.bytes) === 0;
    return { ...tuned, path, same };
  };

  it('head trains the head and what is new; all else stays as it was, bit for bit', async () => {
    const { same, events, folder } = await restoring({ train: 'head' });
    for (const layer of ['conv1', 'conv2']) {
      expect([same(`tiny_net/${layer}/weights`), same(`tiny_net/${layer}/biases`)]).toEqual([true, true]);
    }
    expect([same('tiny_net/logits/weights'), same('tiny_net/logits/biases')]).toEqual([false, false]);
    expect(events[0]).toMatchObject({ type: 'restored' });
    const logits = await readVariable(`${folder}/checkpoints/model.ckpt-1`, 'tiny_net/logits/weights');
    const fresh = initialValue(tinyNet.build().variables.find(({ name }) => name === 'tiny_net/logits/weights')!, 2);
    // Adam's first step moves each element by the learning rate, or not at all.
    for (const [index, value] of logits.entries()) expect(Math.abs(value - fresh[index]!)).toBeLessThan(0.0101);
  });

  it('all trains everything, a scope that alone', async () => {
    const all = await restoring({ train: 'all' });
    expect(all.same('tiny_net/conv1/weights')).toBe(false);
    const scope = await restoring({ train: ['tiny_net/conv2'] });
    expect(scope.same('tiny_net/conv1/weights')).toBe(true);
    expect(scope.same('tiny_net/conv2/weights')).toBe(false);
  });

  it('does better at once than from scratch', async () => {
    const source = await runTiny({ ...learning, seed: 1 });
    const path = `${source.folder}/checkpoints/model.ckpt-84`;
    const config = { ...tinySteps(1), seed: 2 };
    const tuned = await runTiny({ ...config, checkpoint: { path } });
    const scratch = await runTiny(config);
    expect(tuned.result.metrics.loss).toBeLessThan(scratch.result.metrics.loss / 2);
  });
});

describe('stopping early', () => {
  /** Trained on labels that are not the test's, a network that knew gets worse. */
  const shifted = () => colourSet('shifted', () => ({ train: colourSplit(48, 0, 1), test: colourSplit(30, 1000) }));

  it('ends with the weights of the best evaluation, which stay on disk', async () => {
    const source = await runTiny(learning);
    const { folder, container, result, of, events } = await runTiny(
      {
        ...tinyConfig,
        dataset: { name: 'shifted', folder: '/nowhere' },
        checkpoint: { path: `${source.folder}/checkpoints/model.ckpt-84` },
        learningRate: 0.02,
        epochs: 40,
        evalEvery: 2,
        earlyStop: 7,
      },
      shifted(),
    );
    const evaluations = of('evaluation').map((event) => ({ ...event, result: event.result as Evaluation }));
    const scores = evaluations.map(({ result }) => result.top1);
    const best = evaluations[scores.indexOf(Math.max(...scores))]!;
    expect(result.metrics.top1).toBe(Math.max(...scores));
    expect(scores.at(-1)).toBeLessThan(result.metrics.top1);
    expect(result.steps).toBe(best.step + 14);
    expect(events.at(-1)).toEqual({ type: 'stopped', step: result.steps, reason: 'early', bestStep: best.step });
    // Six saved since, of which five are the newest.
    expect(await files.stat(`${folder}/checkpoints/model.ckpt-${best.step}.index`)).toBeDefined();
    expect(await files.stat(`${folder}/checkpoints/model.ckpt-${best.step + 2}.index`)).toBeUndefined();

    for (const checkpoint of [undefined, 'newest'] as const) {
      const opened = await openRun(folder, container, { files, ...(checkpoint && { checkpoint }) });
      const expected = checkpoint ? evaluations.at(-1)! : best;
      expect(opened.step).toBe(expected.step);
      const data = await opened.openDataset();
      const { session, classes, preprocessing } = opened;
      const found = await evaluate(session, data.splits.test, classes, { preprocessing });
      expect(found).toEqual({ ...expected.result, loss: expect.closeTo(expected.result.loss, 6) as number });
      await opened.close();
    }
  });
});

describe('a training that goes wrong', () => {
  const failing = async (change: Partial<RunConfigInput>) => {
    const folder = `${await temporaryFolder()}/run`;
    const config = { ...tinyConfig, optimizer: 'sgd', learningRate: 1e30, ...change };
    const error = await finetune(config, tinyContainer(), { files, folder }).then(
      () => undefined,
      (thrown: GraftError) => thrown,
    );
    expect(error?.code).toBe('run/not-finite');
    return { folder, error: error! };
  };

  it('ends at a loss that is no number; the step, the rate and the last good checkpoint are told', async () => {
    const { folder, error } = await failing({ saveEvery: 1, evalEvery: 100 });
    const checkpoint = `${folder}/checkpoints/model.ckpt-1`;
    expect(error.details).toEqual({ step: 1, learningRate: 1e30, checkpoint });
    expect(error.message).toMatch(/The loss is (NaN|Infinity) after 1 steps.*rate of 1e\+30.*model.ckpt-1/);
    for (const [variable, { bytes }] of await readCheckpoint(checkpoint)) {
      if (variable !== 'global_step') {
        expect(new Float32Array(bytes.slice().buffer).every(Number.isFinite), variable).toBe(true);
      }
    }
  });

  it('ends where the weights are no numbers when they are saved, though the loss before was one', async () => {
    const config = {
      ...tinySteps(2),
      optimizer: 'sgd',
      learningRate: 1e38,
      weightDecay: 0,
      saveEvery: 1,
      evalEvery: 9,
    };
    const folder = `${await temporaryFolder()}/run`;
    const huge = { ...config, multipliers: { tiny_net: 10 } };
    const begun = finetune(huge, tinyContainer(), { files, folder });
    await expect(begun).rejects.toMatchObject({
      code: 'run/not-finite',
      message: expect.stringMatching(
        /^tiny_net\S+ holds no numbers any more after 1 steps.*rate of 1e\+38.*No checkpoint/,
      ),
    });
    expect(await readdir(`${folder}/checkpoints`)).toEqual([]);
  });

  it('ends at an evaluation whose logits are no numbers', async () => {
    const { error } = await failing({ evalEvery: 1 });
    expect(error.details).toEqual({ step: 1, learningRate: 1e30 });
    expect(error.message).toMatch(/gives no numbers any more after 1 steps.*No checkpoint had been saved/);
  });
});

describe('what is wrong is told before anything is written', () => {
  const failing = async (change: Partial<RunConfigInput>, ...datasets: readonly Dataset[]) => {
    const folder = `${await temporaryFolder()}/run`;
    const error = await finetune({ ...tinyConfig, ...change }, tinyContainer(...datasets), { files, folder }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(await files.stat(folder)).toBeUndefined();
    if (!GraftError.isInstance(error)) throw new Error(`A GraftError is expected, and ${error} came.`);
    return { code: error.code, message: error.message };
  };
  const model = tinyConfig.model;

  it.each([
    ['plugin/missing', /no backbone 'vgg_99'.*tiny_net/, { model: { name: 'vgg_99' } }],
    ['plugin/missing', /no dataset 'birds'.*colours/, { dataset: { name: 'birds', folder: '/' } }],
    ['plugin/missing', /no engine 'tf'.*onnx/, { engine: { name: 'tf' } }],
    ['plugin/missing', /no checkpoint format 'h5'.*slim-v1, slim-v2/, { checkpointFormat: 'h5' }],
    [
      'usage/unknown-name',
      /no optimizer 'lamb'.*sgd, momentum, nesterov, adagrad, adadelta, adam, adamw, rmsprop, ftrl/,
      { optimizer: 'lamb' },
    ],
    ['usage/unknown-name', /no schedule 'steps'/, { schedule: 'steps' }],
    ['usage/unknown-name', /no augmentation 'zoom'/, { augment: ['zoom'] }],
    ['usage/classes', /is to have 5 classes.*colours has 3/, { model: { ...model, classes: 5 } }],
    ['usage/no-such-scope', /'tiny_net\/fc'.*conv1/, { train: ['tiny_net/fc'] }],
    ['usage/no-such-scope', /multiplier for 'tiny_net\/fc'.*tiny_net\/conv1/, { multipliers: { 'tiny_net/fc': 2 } }],
    ['usage/unknown-name', /no class 'pink'.*red, green, blue/, { classWeights: { pink: 2 } }],
    ['usage/config', /learningRate is -1/, { learningRate: -1 }],
    ['usage/device', /abacus/, { engine: { device: 'abacus' } }],
    ['checkpoint/not-recognised', /\/nothing is no checkpoint.*slim-v1/, { checkpoint: { path: '/nothing' } }],
  ] as const)('%s: %s', async (code, message, change) => {
    const error = await failing(change as Partial<RunConfigInput>);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });

  it('splits that are empty, missing or wrongly labelled', async () => {
    const with_ = (splits: Readonly<Record<string, Split>>) =>
      failing(
        { dataset: { name: 'odd', folder: '/odd' } },
        colourSet('odd', () => splits),
      );
    const good = colourSplit(6, 0);
    expect((await with_({ train: colourSplit(0, 0), test: good })).message).toMatch(
      /split 'train' of \/odd has no images/,
    );
    expect((await with_({ train: good })).message).toMatch(/odd has no split 'test'. It has: train/);
    const wrong = { ...good, labels: Int32Array.of(0, 1, 3) };
    expect((await with_({ train: good, test: wrong })).message).toMatch(/image 2 in.*'test'.*label 3.*0 to 2/);
  });

  it('a checkpoint that does not fit', async () => {
    const { folder } = await runTiny({ ...tinyConfig, epochs: 1 });
    const path = `${folder}/checkpoints/model.ckpt-7`;
    const four = colourSet('four', () => ({ train: colourSplit(6, 0), test: colourSplit(6, 9) }), ['a', 'b', 'c', 'd']);
    const error = await failing({ dataset: { name: 'four', folder: '/' }, checkpoint: { path } }, four);
    expect(error.code).toBe('checkpoint/does-not-fit');
    expect(error.message).toMatch(/tiny_net\/logits\/weights +mismatched.*\n.*logits\/biases/);
  });

  it('a folder that is taken', async () => {
    const folder = await temporaryFolder();
    await writeFile(`${folder}/thesis.tex`, 'x');
    await expect(finetune(tinyConfig, tinyContainer(), { files, folder })).rejects.toThrow(/is not empty/);
    expect(await readdir(folder)).toEqual(['thesis.tex']);
    expect((await stat(`${folder}/thesis.tex`)).size).toBe(1);
  });
});

it('a run that does not fit into memory is refused before it starts', async () => {
  const folder = `${await temporaryFolder()}/run`;
  const options = { files, folder, availableMemory: 30e6 };
  await expect(finetune(tinyConfig, tinyContainer(), options)).rejects.toMatchObject({ code: 'run/memory' });
  await expect(stat(folder)).rejects.toMatchObject({ code: 'ENOENT' });
  await finetune(tinyConfig, tinyContainer(), { ...options, availableMemory: 4e9 });
});

it('two runs do not get into one folder, whether it is there before or not', async () => {
  const folder = `${await temporaryFolder()}/run`;
  const begun = [1, 2].map(() => finetune(tinySteps(3), tinyContainer(), { files, folder }));
  const outcomes = await Promise.allSettled(begun);
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  const refused = outcomes.find((outcome) => outcome.status === 'rejected')!;
  expect(refused.reason).toMatchObject({ code: 'run/in-use', details: { path: folder } });
  const resumed = await Promise.allSettled([1, 2].map(() => resume(folder, tinyContainer(), { files })));
  expect(resumed.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
});

it('a checkpoint of a training that went wrong is not trained on', async () => {
  const { folder } = await runTiny({ ...tinyConfig, epochs: 1 });
  const tensors = [...(await readCheckpoint(`${folder}/checkpoints/model.ckpt-7`))]
    .filter(([name]) => name.startsWith('tiny_net'))
    .map(([name, { bytes }]) => ({ name, bytes }));
  const shapes = new Map(tinyNet.build().variables.map(({ name, shape }) => [name, shape]));
  const path = `${folder}/poisoned.ckpt`;
  const sources = tensors.flatMap(({ name, bytes }) => {
    const shape = shapes.get(name);
    if (!shape) return [];
    const poisoned = bytes.slice();
    if (name === 'tiny_net/conv2/biases') new Float32Array(poisoned.buffer)[5] = Number.NaN;
    return [{ name, dtype: 'float32' as const, shape, read: () => poisoned }];
  });
  await slimV2.write!(path, sources, files);
  const begun = runTiny({ ...tinyConfig, checkpoint: { path } });
  await expect(begun).rejects.toMatchObject({
    code: 'checkpoint/not-finite',
    message: expect.stringContaining('tiny_net/conv2/biases holds NaN at element 5'),
  });
});
