import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Evaluation, RunResult } from '@graftjs/trainer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { graft, graftInterrupted, temporaryFolder, writeCifar10, writeImage } from '../../test/graft.js';

let folder: string;
let data: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'graft-finetune-'));
  data = await writeCifar10(join(folder, 'cifar10'));
});
afterAll(() => rm(folder, { recursive: true }));

const network = ['--model', 'vgg_a', '--head', 'pooled', '--size', '32', '--width', '0.0625', '--dropout', '0.2'];
const options = [...network, '--dataset', 'cifar10', '--batch-size', '20', '--learning-rate', '0.003', '--seed', '5'];
const finetune = (run: string, ...more: string[]) => ['finetune', ...options, '--data', data, '--out', run, ...more];
const parse = <T>(text: string) => JSON.parse(text) as T;
const metrics = async (run: string) =>
  (await readFile(join(run, 'metrics.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => parse<{ type: string; step: number; loss: number; learningRate?: number }>(line));

describe('finetune, evaluate, inspect, predict', () => {
  it('train a run, and use it', async () => {
    const run = join(folder, 'whole');
    const trained = await graft(finetune(run, '--epochs', '4', '--limit-test', '15', '--json'));
    expect(trained.status).toBe(0);
    const result = parse<RunResult>(trained.stdout);
    expect(result).toMatchObject({ run, steps: 20, metrics: { count: 15 } });
    expect(trained.stderr).toMatch(/^Training vgg_a: .* on 100 images of 10 classes, 20 steps, into .*whole$/m);
    expect(trained.stderr.match(/^Step \d+, epoch \d: top1 /gm)).toHaveLength(4);
    const steps = (await metrics(run)).filter(({ type }) => type === 'step');
    expect(steps).toHaveLength(20);
    expect(steps.at(-1)!.loss).toBe(result.loss);
    expect(result.loss).toBeLessThan(steps[0]!.loss);

    const evaluated = await graft(['evaluate', run, '--json']);
    const evaluation = parse<Evaluation & { split: string }>(evaluated.stdout);
    const { loss, ...scores } = result.metrics;
    expect(evaluation).toMatchObject({ split: 'test', ...scores });
    expect(evaluation.loss).toBeCloseTo(loss, 5);
    expect(evaluation.perClass.map(({ name }) => name)).toContain('truck');
    expect(evaluation.confusion.flat().reduce((sum, count) => sum + count, 0)).toBe(15);
    const train = await graft(['evaluate', run, '--split', 'train']);
    expect(train.stdout).toMatch(/^train: top1 .* on 100 images$/m);
    expect(train.stdout).toMatch(/^ ?9 +truck +10 /m);
    const wrong = await graft(['evaluate', run, '--split', 'val']);
    expect(wrong.status).toBe(2);
    expect(wrong.stderr).toMatch(/no split of the data set 'val'\. Accepted: train, test/);

    const damaged = join(run, 'checkpoints/model.ckpt-20.data-00000-of-00001');
    const whole = await readFile(damaged);
    await writeFile(damaged, whole.subarray(0, 100));
    const older = await graft(['evaluate', run, '--json']);
    expect(older.stderr).toMatch(/model\.ckpt-20 cannot be used: /);
    expect(older.stdout).not.toBe(evaluated.stdout);
    await writeFile(damaged, whole);

    const variables = parse<{ name: string; dtype: string }[]>((await graft(['inspect', run, '--json'])).stdout);
    expect(variables).toContainEqual({ name: 'global_step', dtype: 'int64', shape: [] });
    expect(variables).toContainEqual({ name: 'vgg_a/logits/weights/Adam', dtype: 'float32', shape: [1, 1, 32, 10] });

    const images = join(folder, 'images');
    await mkdir(images, { recursive: true });
    await writeFile(join(images, 'text.png'), 'no image');
    const files = [join(images, 'black.png'), join(images, 'text.png'), join(images, 'white.png')];
    await writeImage(files[0]!, [0, 0, 0]);
    await writeImage(files[2]!, [210, 210, 210]);
    const predicted = await graft(['predict', run, ...files, '--top', '3', '--json']);
    expect(predicted.status).toBe(1);
    expect(predicted.stderr).toMatch(/^Error: .*text\.png cannot be decoded/);
    const results = parse<{ file: string; error?: string; predictions?: { name: string; probability: number }[] }[]>(
      predicted.stdout,
    );
    expect(results.map(({ file }) => file)).toEqual(files);
    expect(results[1]!.error).toMatch(/cannot be decoded/);
    const [black, white] = [results[0]!.predictions!, results[2]!.predictions!];
    expect([black.length, white.length]).toEqual([3, 3]);
    expect(black[0]!.probability).toBeGreaterThan(black[1]!.probability);
    expect(black.map(({ name }) => name)).not.toEqual(white.map(({ name }) => name));
    const told = await graft(['predict', run, files[0]!, '--top', '1']);
    expect(told.stdout).toBe(`${files[0]}: ${black[0]!.name} ${(100 * black[0]!.probability).toFixed(2)} %\n`);
  });

  it('options reach the run', async () => {
    const run = join(folder, 'options');
    const start = join(folder, 'start');
    await graft(finetune(start, '--steps', '1'));
    const checkpoint = join(start, 'checkpoints/model.ckpt-1');
    const args = [
      '--checkpoint',
      checkpoint,
      '--exclude',
      'vgg_a/logits',
      '--train',
      'head',
      '--optimizer',
      'momentum',
    ];
    const more = ['--schedule', 'cosine,warmup=2', '--weight-decay', '0.001', '--augment', 'flip,crop', '--steps', '6'];
    const rest = [
      '--eval-every',
      '3',
      '--save-every',
      '2',
      '--limit-train',
      '40',
      '--workers',
      '3',
      '--engine',
      'onnx',
    ];
    const updates = [
      '--moving-average-decay',
      '0.9',
      '--class-weights',
      'balanced',
      '--label-smoothing',
      '0.1',
      '--clip-norm',
      '2',
      '--clip-value',
      '0.5',
      '--accumulate',
      '2',
      '--multiplier',
      'vgg_a/logits=2',
    ];
    const { status, stderr } = await graft(
      finetune(run, ...args, ...more, ...rest, ...updates, '--device', 'cpu', '--classes', '10'),
    );
    expect(status).toBe(0);
    expect(stderr).toMatch(
      /16 of 18 variables come from .*model\.ckpt-1; the others start anew:\n.*\nvgg_a\/logits\/weights +excluded/,
    );
    expect(stderr).toMatch(/330 of them trained, on 40 images/);
    expect(parse(await readFile(join(run, 'config.json'), 'utf8'))).toMatchObject({
      model: { name: 'vgg_a', head: 'pooled', size: 32, width: 0.0625, classes: 10, dropout: 0.2 },
      dataset: { name: 'cifar10', folder: data, limitTrain: 40, corrupt: 'refuse' },
      checkpoint: { path: checkpoint, exclude: ['vgg_a/logits'], ignoreMissing: false },
      train: 'head',
      trained: ['vgg_a/logits/weights', 'vgg_a/logits/biases'],
      engine: { name: 'onnx', device: 'cpu' },
      optimizer: 'momentum',
      learningRate: 0.003,
      schedule: 'cosine,warmup=2',
      weightDecay: 0.001,
      labelSmoothing: 0.1,
      classWeights: 'balanced',
      movingAverageDecay: 0.9,
      clipNorm: 2,
      clipValue: 0.5,
      accumulate: 2,
      multipliers: { 'vgg_a/logits': 2 },
      augment: ['flip', 'crop'],
      batchSize: 20,
      steps: 6,
      evalEvery: 3,
      saveEvery: 2,
      seed: 5,
      workers: 3,
    });
    const lines = await metrics(run);
    expect(lines.filter(({ type }) => type === 'evaluation').map(({ step }) => step)).toEqual([3, 6]);
    expect(lines.find(({ step }) => step === 1)!.learningRate).toBeCloseTo(0.0015, 10);
    expect(existsSync(join(run, 'checkpoints/model.ckpt-4.index'))).toBe(true);
  });

  it('without --out the run goes below runs/', async () => {
    const project = await temporaryFolder();
    await writeFile(join(project, 'package.json'), '{}');
    await writeFile(
      join(project, 'graft.config.mjs'),
      `const load = async (name) => (await import('${import.meta.resolve('@graftjs/engine-onnx').replace('engine-onnx', "' + name + '")}')).default;
      export default { plugins: await Promise.all(['engine-onnx', 'model-vgg', 'data-cifar10', 'ckpt-slim'].map(load)) };`,
    );
    const args = ['finetune', ...options, '--data', data, '--steps', '1', '--limit-test', '2', '--json'];
    const runs: string[] = [];
    for (const _ of [1, 2]) runs.push(parse<RunResult>((await graft(args, { cwd: project })).stdout).run);
    expect(runs).toEqual(['runs/vgg_a-cifar10', 'runs/vgg_a-cifar10-2']);
    expect(existsSync(join(project, runs[1]!, 'config.json'))).toBe(true);
  });
});

describe('a run that is stopped', () => {
  it('by Ctrl-C saves and goes on to the same end as one that was not', async () => {
    const [whole, parted] = [join(folder, 'unbroken'), join(folder, 'broken')];
    const length = ['--steps', '120', '--eval-every', '20', '--limit-test', '10'];
    const stopped = await graftInterrupted(finetune(parted, ...length), [/^Step 20, /m]);
    expect(stopped.status).toBe(130);
    expect(stopped.stdout).toBe('');
    expect(stopped.stderr).toMatch(/Stopping after this step/);
    expect(stopped.stderr).toMatch(/Stopped after \d+ of 120 steps\. Go on with: graft finetune --resume .*broken/);
    const saved = Number(/Stopped after (\d+)/.exec(stopped.stderr)![1]);
    expect(saved).toBeLessThan(120);
    const resumed = await graft(['finetune', '--resume', parted, '--json']);
    expect(resumed.stderr).toMatch(new RegExp(`^Going on after step ${saved} with vgg_a`, 'm'));
    const unbroken = await graft(finetune(whole, ...length, '--json'));
    expect({ ...parse<RunResult>(resumed.stdout), run: '' }).toEqual({ ...parse<RunResult>(unbroken.stdout), run: '' });
    const losses = async (run: string) => (await metrics(run)).map(({ type, step, loss }) => [type, step, loss]);
    expect(await losses(parted)).toEqual(await losses(whole));
  });
  it('by Ctrl-C twice ends at once', async () => {
    const run = join(folder, 'twice');
    // So many weights that saving them takes longer than the second signal.
    const args = finetune(run, '--width', '1', '--steps', '1000', '--eval-every', '1', '--save-every', '1000');
    const lines = [/^Step 1, /m, /^Stopping after this step/m];
    const { status, stderr } = await graftInterrupted([...args, '--limit-test', '2'], lines);
    expect(status).toBe(130);
    expect(stderr).not.toMatch(/Stopped after/);
    const saved = existsSync(join(run, 'checkpoints')) ? await readdir(join(run, 'checkpoints')) : [];
    expect(saved.filter((name) => name.endsWith('.state.json'))).toEqual([]);
  });
});

describe('wrong usage', () => {
  it.each([
    [['--model', 'vgg_a'], /--dataset is missing/],
    [['--model', 'vgg_a', '--dataset', 'cifar10'], /--data is missing/],
    [['--dataset', 'cifar10', '--data', 'x'], /--model is missing/],
    [['--resume', 'runs/x', '--seed', '1', '--epochs', '3'], /Leave out --epochs, --seed/],
    [['--exclude', 'vgg_a/fc8'], /--exclude, --ignore-missing and --names/],
    [['--epochs', '0'], /--epochs.*'0'.*a whole number from 1 on/],
    [['--batch-size', 'many'], /--batch-size.*'many'/],
    [['--learning-rate', '-1'], /--learning-rate.*'-1'.*numbers above 0/],
    [['--dropout', '1'], /--dropout.*'1'.*from 0 to below 1/],
    [['--seed', '4294967296'], /--seed.*from 0 to 4294967295/],
    [['--clip-norm', '0'], /--clip-norm.*'0'.*a number above 0/],
    [['--multiplier', 'a=1,b'], /--multiplier.*'a=1,b'.*NAME=FACTOR/],
    [['--multiplier', 'a=0'], /--multiplier.*'a=0'.*numbers above 0/],
    [['--train', ','], /--train.*one or several names/],
    [['--corrupt', 'ignore'], /--corrupt.*skip, refuse/],
  ])('%j', async (args, message) => {
    const { status, stdout, stderr } = await graft(['finetune', ...args]);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(message);
  });
  it('that only the trainer can tell', async () => {
    const run = join(folder, 'wrong');
    for (const [args, message] of [
      [['--epochs', '2', '--steps', '3'], /one of the two/],
      [['--classes', '4'], /4 classes.*has 10/],
      [['--optimizer', 'lion'], /no optimizer 'lion'/],
      [['--class-weights', 'pink=2'], /no class 'pink'/],
      [['--schedule', 'step'], /no schedule 'step'/],
      [['--device', 'abacus'], /'abacus'\. Accepted: cpu, cuda, webgpu/],
      [['--train', 'vgg_a/fc8'], /No variable begins with 'vgg_a\/fc8'/],
    ] as const) {
      const { status, stderr } = await graft(finetune(run, ...args));
      expect([args, status]).toEqual([args, 2]);
      expect(stderr).toMatch(message);
      expect(existsSync(run)).toBe(false);
    }
  });
  it('a folder that is no run, and one that is', async () => {
    for (const args of [
      ['finetune', '--resume', folder],
      ['evaluate', folder],
      ['predict', folder, 'x.png'],
    ]) {
      const { status, stderr } = await graft(args);
      expect([args, status]).toEqual([args, 1]);
      expect(stderr).toMatch(/is no run: it has no config\.json/);
    }
    const run = join(folder, 'taken');
    await mkdir(run);
    await writeFile(join(run, 'config.json'), '{}');
    const { status, stderr } = await graft(finetune(run));
    expect(status).toBe(1);
    expect(stderr).toMatch(/is a run already/);
  });
});

describe('batch normalization', () => {
  const args = async (...more: readonly string[]) => [
    ...['finetune', '--model', 'resnet_v1_50', '--width', '0.125', '--size', '32', '--dataset', 'cifar10'],
    ...['--data', await writeCifar10(await temporaryFolder()), '--batch-size', '8', '--learning-rate', '0.001'],
    ...['--out', join(await temporaryFolder(), 'run'), '--json', ...more],
  ];

  it('is trained by the batch where nothing is said, which is told where use does worse', async () => {
    const done = await graft(await args('--steps', '6', '--eval-every', '3'));
    expect(done.status, done.stderr).toBe(0);
    const { run, metrics } = JSON.parse(done.stdout);
    expect(JSON.parse(await readFile(join(run, 'config.json'), 'utf8')).batchNorm).toBe('train');
    const { trainingLoss, inferenceLoss, part } = metrics.modes;
    expect([part, inferenceLoss > 1.5 * trainingLoss]).toEqual([true, true]);
    const told = done.stderr.match(/In use the network does worse than in training: .*/g)!;
    expect(told).toHaveLength(2);
    expect(told[0]).toMatch(/--batch-norm frozen or recalibrated/);
    expect(told[1]).not.toMatch(/--batch-norm/);
    expect(told[1]).toContain(`loss is ${inferenceLoss.toFixed(4)} with the moving averages`);
  });

  it('stays as it is where that is asked for, and then there is nothing to compare', async () => {
    const done = await graft(await args('--steps', '1', '--batch-norm', 'frozen'));
    expect(done.status, done.stderr).toBe(0);
    const { run, metrics } = JSON.parse(done.stdout);
    expect(JSON.parse(await readFile(join(run, 'config.json'), 'utf8')).batchNorm).toBe('frozen');
    expect(metrics.modes).toBeUndefined();
  });

  it('is refused for a network that has none, and by a policy that there is not', async () => {
    const [none, unknown] = [
      await graft([...(await args('--steps', '1', '--batch-norm', 'slim')), '--model', 'vgg_a']),
      await graft(await args('--steps', '1', '--batch-norm', 'melted')),
    ];
    expect([none.status, none.stderr]).toEqual([2, expect.stringMatching(/vgg_a has no batch normalization/)]);
    expect([unknown.status, unknown.stderr]).toEqual([
      2,
      expect.stringMatching(/train, frozen, folded, recalibrated, slim/),
    ]);
  });
});
