import { join, resolve } from 'node:path';
import { type Container, UsageError } from '@graftjs/core';
import { nodeFileSystem } from '@graftjs/core/node';
import {
  type BatchNormPolicy,
  batchNormPolicies,
  finetune,
  finetuneStages,
  optimizers,
  parseRunConfig,
  type ResumeOptions,
  type RunConfigInput,
  type RunOptions,
  type RunScores,
  resume,
  type Stage,
} from '@graftjs/trainer';
import { startImageWorkers } from '@graftjs/trainer/node';
import { type Command, Option } from 'commander';
import { cacheFolder } from '../cache-folder.js';
import { compose } from '../compose.js';
import { backendOption, deviceOf, type EngineOptions, engineOf } from '../device-options.js';
import { findCheckpoint } from '../find-checkpoint.js';
import { findData } from '../find-data.js';
import { type NormalizationValues, normalizationOf, normalizationOptions } from '../normalization-options.js';
import { factors, list, number, numbers, wholeNumber } from '../option-values.js';
import { print, printJson } from '../print.js';
import { Progress } from '../progress.js';
import { formatScores, showRun } from '../run-progress.js';
import { createStopSignal } from '../stop-signal.js';

interface Options extends NormalizationValues, EngineOptions {
  readonly model?: string;
  readonly head?: string;
  readonly size?: number;
  readonly width?: number;
  readonly classes?: number;
  readonly dropout?: number;
  readonly backbone?: string;
  readonly denseChannels?: number;
  readonly learnedUpsampling?: 'none' | 'inner' | 'all';
  readonly scaledSkips?: true;
  readonly stages?: string[];
  readonly dataset?: string;
  readonly data?: string;
  readonly limitTrain?: number;
  readonly limitTest?: number;
  readonly corrupt?: 'skip' | 'refuse';
  readonly checkpoint?: string;
  readonly exclude?: string[];
  readonly ignoreMissing?: true;
  readonly names?: string;
  readonly train?: string[];
  readonly batchNorm?: BatchNormPolicy;
  readonly optimizer?: string;
  readonly learningRate?: number[];
  readonly schedule?: string;
  readonly weightDecay?: number;
  readonly labelSmoothing?: number;
  readonly classWeights?: 'none' | 'balanced' | 'median' | Record<string, number>;
  readonly movingAverageDecay?: number;
  readonly clipValue?: number;
  readonly clipNorm?: number;
  readonly multiplier?: Record<string, number>;
  readonly augment?: string[];
  readonly batchSize?: number;
  readonly accumulate?: number;
  readonly epochs?: number;
  readonly steps?: number;
  readonly evalEvery?: number;
  readonly saveEvery?: number;
  readonly earlyStop?: number;
  readonly seed?: number;
  readonly workers?: number;
  readonly out?: string;
  readonly resume?: string;
  readonly json?: true;
}

const examples = `
A schedule is NAME[,key=value...]: constant; exponential,steps=N[,factor=0.94][,staircase=true];
polynomial[,steps=N][,end=0][,power=1]; cosine[,steps=N][,alpha=0]; each takes warmup=N.

--batch-norm train: layers that train normalize by the batch and move their averages, frozen ones keep theirs. frozen: all
keep their averages and use them, gamma and beta may train. folded: and nothing of it trains. recalibrated: the averages
are computed anew on the training images before the first step, then kept. slim: all layers normalize by the batch and
move their averages, frozen ones too.

A network for segmentation (--model fcn_8s) is a head on a --backbone, and takes a data set with masks (--dataset voc). Of the
images it gets squares of --size: with --augment crop parts of them as they are, else the whole image made so small. Its
own layers start anew where the checkpoint is a classifier's.

What frozen layers make of the images is computed once and kept in the folder that GRAFT_CACHE names (default:
~/.cache/graft), up to 8 GiB.

Ctrl-C finishes the running step, saves, and says how to go on; a second one ends at once.

Examples:
  graft finetune --model vgg_16 --head pooled --size 64 --dataset folder --data flowers --train head --epochs 5
  graft finetune --model vgg_16 --checkpoint vgg_16.ckpt --exclude vgg_16/fc8 --train vgg_16/fc8,vgg_16/fc7 \\
    --dataset cifar10 --data cifar-10-batches-bin --optimizer momentum --schedule exponential,steps=1000 --out runs/cifar
  graft finetune --model fcn_8s --dataset voc --data VOCdevkit --checkpoint vgg_16 --size 256 --augment crop,flip \\
    --batch-size 2 --stages 32s,16s,8s --learning-rate 1e-4,3e-5,1e-5 --out runs/voc
  graft finetune --resume runs/cifar
  graft finetune --resume runs/cifar --engine tfjs --backend node`;

const wholeFromOne = wholeNumber(1);
const seeds = wholeNumber(0, 2 ** 32 - 1);

function required<T>(value: T | undefined, option: string): T {
  if (value !== undefined) return value;
  throw new UsageError(
    'usage/missing-option',
    `${option} is missing: a run needs --model, --dataset and --data, or --resume with the folder of one that is to go on.`,
  );
}

/** What the options say; those that were not given are undefined, which the trainer takes for left out. */
async function configOf(options: Options, container: Container): Promise<RunConfigInput> {
  const { model, head, size, width, classes, dropout } = options;
  const { backbone, denseChannels, learnedUpsampling, scaledSkips } = options;
  const { dataset, data, limitTrain, limitTest, corrupt } = options;
  const { checkpoint, exclude, ignoreMissing, names, train, engine } = options;
  if (checkpoint === undefined && (exclude || ignoreMissing || names !== undefined)) {
    throw new UsageError(
      'usage/missing-option',
      '--exclude, --ignore-missing and --names say how a --checkpoint is taken, which is missing.',
    );
  }
  const normalization = normalizationOf(options);
  const start = checkpoint === undefined ? undefined : await findCheckpoint(checkpoint, container);
  const regime = train?.length === 1 && (train[0] === 'all' || train[0] === 'head') ? train[0] : train;
  return {
    model: {
      ...{ name: required(model, '--model'), head, size, width, classes, dropout, normalization },
      ...{ backbone, denseChannels, learnedUpsampling, scaledSkips },
    },
    dataset: {
      name: required(dataset, '--dataset'),
      folder: data === undefined ? required(await findData(dataset!, container), '--data') : resolve(data),
      limitTrain,
      limitTest,
      corrupt,
    },
    checkpoint: start && { ...start, path: resolve(start.path), exclude, ignoreMissing, names },
    train: regime,
    batchNorm: options.batchNorm,
    engine: { name: engine, ...deviceOf(options) },
    optimizer: options.optimizer,
    learningRate: options.learningRate?.at(-1),
    schedule: options.schedule,
    weightDecay: options.weightDecay,
    labelSmoothing: options.labelSmoothing,
    classWeights: options.classWeights,
    movingAverageDecay: options.movingAverageDecay,
    clipValue: options.clipValue,
    clipNorm: options.clipNorm,
    multipliers: options.multiplier,
    augment: options.augment,
    batchSize: options.batchSize,
    accumulate: options.accumulate,
    epochs: options.epochs,
    steps: options.steps,
    evalEvery: options.evalEvery,
    saveEvery: options.saveEvery,
    earlyStop: options.earlyStop,
    seed: options.seed,
    workers: options.workers,
  } as RunConfigInput;
}

/** The folder of a new run that was given none: `runs/MODEL-DATASET`, with a number where that is taken. */
async function freeFolder({ model, dataset }: Options): Promise<string> {
  const name = `runs/${model}-${dataset}`;
  for (let count = 1; ; count++) {
    const folder = count === 1 ? name : `${name}-${count}`;
    if (!(await nodeFileSystem.stat(folder))) return folder;
  }
}

/** `32s` of `fcn_8s` is `fcn_32s`; whole names are taken as they are. */
function stagesOf({ model = '', stages, learningRate: rates = [] }: Options): Stage[] | undefined {
  const count = stages?.length ?? 1;
  if (rates.length > 1 && rates.length !== count) {
    throw new UsageError(
      'usage/learning-rates',
      `There are ${rates.length} learning rates and ${count} stages. Accepted: one rate, or one for each of --stages.`,
    );
  }
  return stages?.map((name, index) => {
    const learningRate = rates[index];
    const whole = name.includes('_') ? name : model.replace(/[^_]*$/, name);
    return { model: whole, ...(learningRate !== undefined && { learningRate }) };
  });
}

async function start(options: Options, container: Container, running: RunOptions) {
  const stages = stagesOf(options);
  const config = await configOf(options, container);
  const where = { ...running, folder: options.out ?? (await freeFolder(options)) };
  return stages ? finetuneStages(config, stages, container, where) : finetune<RunScores>(config, container, where);
}

/** Where a run is to go on, if not where it was. */
function movedTo(options: Options): Pick<ResumeOptions, 'engine'> {
  const { engine: name, ...where } = engineOf(options);
  const engine = { ...(name !== undefined && { name }), ...where };
  return Object.keys(engine).length > 0 ? { engine } : {};
}

function checkAlone(command: Command): void {
  const others = command.options
    .filter((option) => !['resume', 'json', 'engine', 'device', 'backend'].includes(option.attributeName()))
    .filter((option) => command.getOptionValueSource(option.attributeName()) === 'cli');
  if (others.length === 0) return;
  throw new UsageError(
    'usage/resume-alone',
    `--resume goes on with the run's own config. Leave out ${others.map(({ long }) => long).join(', ')}, or begin a new run without --resume.`,
  );
}

export function addFinetune(program: Command): void {
  const defaults = parseRunConfig({ model: { name: 'any' }, dataset: { name: 'any', folder: 'any' } });
  const shown = (text: string, value: unknown) => `${text} (default: ${value})`;
  const [mean, deviation] = normalizationOptions();
  program
    .command('finetune')
    .description('train a network on a data set, and write a run folder')
    .option('--model <name>', 'a network; `graft models` lists them')
    .option('--head <name>', "one of the network's heads (default: its own)")
    .option('--size <px>', "height and width of the images (default: the network's own)", wholeFromOne)
    .option(
      '--width <factor>',
      'multiplies the channels of every layer but the last (default: 1)',
      number('a number above 0', (x) => x > 0),
    )
    .option('--classes <n>', 'to be compared with the number that the data set has', wholeNumber(2))
    .option(
      '--dropout <share>',
      "what dropout drops (default: the network's own)",
      number('a number from 0 to below 1', (x) => x >= 0 && x < 1),
    )
    .option('--backbone <name>', "what a network for segmentation is built on (default: the network's own)")
    .option('--dense-channels <n>', "channels of its dense layers, fc6 and fc7 (default: the backbone's)", wholeFromOne)
    .addOption(
      new Option(
        '--learned-upsampling <which>',
        'which of its layers that enlarge scores train: all but the last (inner, the default), none, or all',
      ).choices(['none', 'inner', 'all']),
    )
    .option('--scaled-skips', 'multiply finer features by small factors, for training all at once')
    .option(
      '--stages <names>',
      'train several networks, each from the one before: 32s,16s,8s for --model fcn_8s; all are kept',
      list,
    )
    .addOption(mean)
    .addOption(deviation)
    .option('--dataset <name>', 'a kind of data set; `graft datasets` lists them')
    .option('--data <folder>', 'where the data set is (default: where graft download puts it)')
    .option('--limit-train <n>', 'use so many images of the training split', wholeFromOne)
    .option('--limit-test <n>', 'use so many images of the test split', wholeFromOne)
    .addOption(
      new Option(
        '--corrupt <what>',
        shown('what is done about images that cannot be decoded', defaults.dataset.corrupt),
      ).choices(['skip', 'refuse']),
    )
    .option(
      '--checkpoint <path>',
      'weights to start from: a file of any known format, or the name of a downloaded one (default: random)',
    )
    .option('--exclude <scopes>', 'scopes of variables that the checkpoint is not to give', list)
    .option('--ignore-missing', 'let variables that the checkpoint lacks start anew')
    .option('--names <source>', 'whose names the checkpoint has, where several would do: torchvision, timm, keras, ...')
    .option('--train <what>', shown('all, head, or scopes of the variables that train', defaults.train), list)
    .addOption(
      new Option(
        '--batch-norm <policy>',
        shown(
          'statistics of layers that train move (train), of none (frozen), of all (slim); more below',
          defaults.batchNorm,
        ),
      ).choices(batchNormPolicies),
    )
    .option('--engine <name>', shown('what runs it', defaults.engine.name))
    .option('--device <name>', "where the engine runs (default: the engine's first)")
    .addOption(backendOption())
    .option('--optimizer <name>', shown(Object.keys(optimizers).join(', '), defaults.optimizer))
    .option(
      '--learning-rate <rate>',
      shown('the rate that the schedule starts from, or one for each of --stages', defaults.learningRate),
      numbers('numbers above 0', (x) => x > 0),
    )
    .option('--schedule <schedule>', shown('the learning rate over the run', defaults.schedule))
    .option(
      '--weight-decay <factor>',
      shown("Slim's L2 regularization of weights; decoupled with adamw", defaults.weightDecay),
      number('a number from 0 on', (x) => x >= 0),
    )
    .option(
      '--label-smoothing <share>',
      shown('what of each label is spread over all classes', defaults.labelSmoothing),
      number('a number from 0 to below 1', (x) => x >= 0 && x < 1),
    )
    .option(
      '--class-weights <weights>',
      shown(
        'none, balanced (by inverse frequency), median (by median frequency, of pixels), or CLASS=WEIGHT,...: how much ' +
          'images or pixels count in the loss',
        defaults.classWeights,
      ),
      (text) => (['none', 'balanced', 'median'].includes(text) ? text : factors(text)),
    )
    .option(
      '--clip-value <limit>',
      'hold each element of the gradient between -limit and limit',
      number('a number above 0', (x) => x > 0),
    )
    .option(
      '--clip-norm <limit>',
      'scale the gradients down where their norm is above the limit',
      number('a number above 0', (x) => x > 0),
    )
    .option(
      '--multiplier <factors>',
      'SCOPE=FACTOR,...: multiply the learning rate of scopes; the longest counts',
      factors,
    )
    .option(
      '--moving-average-decay <decay>',
      'keep moving averages of the weights, for evaluation and use (default: none)',
      number('a number from 0 to below 1', (x) => x >= 0 && x < 1),
    )
    .option(
      '--augment <names>',
      shown('none, flip, crop (or crop,flip), vgg or inception; with masks none, flip, crop, scale', defaults.augment),
      list,
    )
    .option('--batch-size <n>', shown('images in a batch', defaults.batchSize), wholeFromOne)
    .option('--accumulate <k>', shown('batches whose gradients make one step', defaults.accumulate), wholeFromOne)
    .option('--epochs <n>', shown('how often every image is seen', defaults.epochs), wholeFromOne)
    .option('--steps <n>', 'steps, instead of epochs', wholeFromOne)
    .option('--eval-every <steps>', 'evaluate every so many steps (default: after each epoch)', wholeFromOne)
    .option('--save-every <steps>', 'save every so many steps (default: after each evaluation)', wholeFromOne)
    .option('--early-stop <n>', 'stop after so many evaluations that are no better than the best', wholeFromOne)
    .option('--seed <n>', shown('for order, augmentation, dropout and initial values', defaults.seed), seeds)
    .option(
      '--workers <n>',
      'threads that decode and augment images; 0: none, the main thread does (default: one a core, at most 8)',
      wholeNumber(0),
    )
    .option('--out <run>', 'the folder to write (default: runs/MODEL-DATASET)')
    .option(
      '--resume <run>',
      'go on with a run, by its own config; of the others only --json, and --engine, --device or --backend go with it',
    )
    .option('--json', 'print one JSON document at the end: {run, steps, loss, metrics, stages?}')
    .addHelpText('after', examples)
    .action(async (options: Options, command: Command) => {
      if (options.resume !== undefined) checkAlone(command);
      const progress = new Progress();
      const { container } = await compose();
      const { signal, release } = createStopSignal(() => {
        progress.line('Stopping after this step; Ctrl-C again stops at once, without saving.');
      });
      try {
        const features = { folder: join(cacheFolder(), 'features') };
        const running: RunOptions = {
          files: nodeFileSystem,
          features,
          startWorkers: startImageWorkers,
          availableMemory: process.availableMemory(),
          onEvent: showRun(progress),
          signal,
        };
        const result =
          options.resume === undefined
            ? await start(options, container, running)
            : await resume<RunScores>(options.resume, container, { ...running, ...movedTo(options) });
        if (options.json) printJson(result);
        else print(`${result.run}: ${result.steps} steps done, ${formatScores(result.metrics)}`);
      } finally {
        progress.stop();
        release();
      }
    });
}
