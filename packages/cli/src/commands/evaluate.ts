import { resolve } from 'node:path';
import { type Container, pick, type Split, UsageError } from '@graftjs/core';
import { nodeFileSystem } from '@graftjs/core/node';
import {
  type CheckpointConfigInput,
  type CheckpointEvaluation,
  type Evaluation,
  evaluate,
  evaluateCheckpoint,
  openRun,
  runTarget,
  type ViewOptions,
} from '@graftjs/trainer';
import { startImageWorkers } from '@graftjs/trainer/node';
import type { Command } from 'commander';
import { compose } from '../compose.js';
import { backendOption, deviceOf, type EngineOptions } from '../device-options.js';
import { findCheckpoint } from '../find-checkpoint.js';
import { findData } from '../find-data.js';
import { type NormalizationValues, normalizationOf, normalizationOptions } from '../normalization-options.js';
import { openRunOptions } from '../open-run-options.js';
import { number, wholeNumber } from '../option-values.js';
import { formatTable, print, printJson } from '../print.js';
import { Progress } from '../progress.js';
import { formatScores, formatShare, showRun } from '../run-progress.js';
import { addViewOptions, viewOptionNames } from '../view-options.js';
import { evaluateMaskRun, printMaskEvaluation } from './evaluate-masks.js';

interface Options extends ViewOptions, NormalizationValues, EngineOptions {
  readonly split?: string;
  readonly model?: string;
  readonly checkpoint?: string;
  readonly names?: string;
  readonly dataset?: string;
  readonly data?: string;
  readonly limit?: number;
  readonly head?: string;
  readonly size?: number;
  readonly width?: number;
  readonly classes?: number;
  readonly preprocessing?: string;
  readonly batchSize?: number;
  readonly workers?: number;
  readonly sheet?: string;
  readonly json?: true;
}

/** What goes with a run, which has all else in its config. */
const optionsOfRuns = ['split', 'engine', 'device', 'backend', 'json'];

/** The same with one that tells the class of each pixel. */
const optionsOfMaskRuns = [...viewOptionNames, 'sheet'];

/** A matrix of more classes is too wide to be read. */
const widestMatrix = 20;

function printEvaluation({ split, published, ...evaluation }: CheckpointEvaluation, model = ''): void {
  const { perClass, confusion } = evaluation;
  const rows = perClass
    .map(({ name, count, accuracy }, index) => [`${index}`, name, `${count}`, formatShare(accuracy ?? 0)])
    .filter((_, index) => perClass[index]!.count > 0);
  print(`${split}: ${formatScores(evaluation)}`);
  if (published) {
    const { top1, top5, source } = published;
    print(`published for ${model}: top1 ${formatShare(top1)}, top5 ${formatShare(top5)} (${source})`);
  }
  print('', formatTable(['>', 'class', '>images', '>recognised'], rows), '');
  if (perClass.length > widestMatrix) {
    print(`The confusion matrix of ${perClass.length} classes is in what --json prints.`);
    return;
  }
  const matrix = confusion.map((counts, truth) => [perClass[truth]!.name, ...counts.map(String)]);
  print(formatTable(['class, and what it was taken for', ...confusion.map((_, index) => `>${index}`)], matrix));
}

async function evaluateRun(
  folder: string,
  { split: name = 'test', ...options }: Options,
  container: Container,
  progress: Progress,
): Promise<{ readonly split: string } & Evaluation> {
  const run = await openRun(folder, container, openRunOptions(options, progress));
  try {
    const { splits, close } = await run.openDataset();
    try {
      const split = pick<Split>('split of the data set', name, { ...splits });
      const { batchSize } = run.config;
      const workers = run.config.workers === 0 ? undefined : startImageWorkers(run.config.workers);
      const evaluation = await evaluate(run.session, split, run.classes, {
        preprocessing: run.preprocessing,
        batchSize,
        ...(workers && { workers }),
        onProgress: (done, count) => progress.update('evaluating', done, count),
      }).finally(() => workers?.close());
      return { split: name, ...evaluation };
    } finally {
      await close();
    }
  } finally {
    await run.close();
  }
}

function required<T>(value: T | undefined, option: string): T {
  if (value !== undefined) return value;
  throw new UsageError(
    'usage/missing-option',
    `${option} is missing: evaluate needs the folder of a run, or --model, --checkpoint and --dataset.`,
  );
}

async function evaluateNetwork(
  options: Options,
  container: Container,
  progress: Progress,
): Promise<CheckpointEvaluation> {
  const { head, size, width, classes, names, split, limit, preprocessing, batchSize } = options;
  const normalization = normalizationOf(options);
  const model = { name: required(options.model, '--model'), head, size, width, classes, normalization };
  const checkpoint = required(options.checkpoint, '--checkpoint');
  const dataset = required(options.dataset, '--dataset');
  const { path, pretrained } = await findCheckpoint(checkpoint, container);
  const folder =
    options.data === undefined ? required(await findData(dataset, container), '--data') : resolve(options.data);
  const config = {
    model,
    checkpoint: { path, names },
    pretrained,
    dataset: { name: dataset, folder, split, limit },
    preprocessing,
    engine: { name: options.engine, ...deviceOf(options) },
    batchSize,
    // Keys that are undefined count as left out.
  } as CheckpointConfigInput;
  const workers = options.workers === 0 ? undefined : startImageWorkers(options.workers);
  return evaluateCheckpoint(config, container, {
    files: nodeFileSystem,
    ...(workers && { workers }),
    onRestored: showRun(progress),
    onProgress: (done, count) => progress.update('evaluating', done, count),
  }).finally(() => workers?.close());
}

/** The options that were given and are not among these. */
const givenBeside = (command: Command, names: readonly string[]): string[] =>
  command.options
    .filter((option) => !names.includes(option.attributeName()))
    .filter((option) => command.getOptionValueSource(option.attributeName()) === 'cli')
    .map((option) => option.long ?? option.flags);

/** Refuses what is for networks that tell the class of each pixel. */
function checkWithoutMasks(command: Command): void {
  const all = command.options.map((option) => option.attributeName());
  const others = givenBeside(
    command,
    all.filter((name) => !optionsOfMaskRuns.includes(name)),
  );
  if (others.length === 0) return;
  throw new UsageError(
    'usage/masks-alone',
    `${others.join(', ')} is for runs of networks that tell the class of each pixel. Leave it out.`,
  );
}

/** Refuses with a run what its config says. */
function checkWithRun(command: Command): void {
  const others = givenBeside(command, [...optionsOfRuns, ...optionsOfMaskRuns]);
  if (others.length === 0) return;
  throw new UsageError(
    'usage/run-alone',
    `A run is evaluated by its own config. Leave out ${others.join(', ')}; or leave out the run, to ` +
      'evaluate a checkpoint.',
  );
}

export function addEvaluate(program: Command): void {
  const wholeFromOne = wholeNumber(1);
  const [mean, deviation] = normalizationOptions();
  const command = program
    .command('evaluate')
    .description('how well what a run has trained, or a network with a checkpoint, does on a data set')
    .argument('[run]', 'the folder of a run')
    .option('--split <name>', 'a split of the data set (default: test; without a run all images that come unsplit)')
    .option('--device <name>', "where the engine runs (default: as the run did; else the engine's first)")
    .addOption(backendOption())
    .option('--model <name>', 'without a run: a network; `graft models` lists them')
    .option('--checkpoint <path>', 'its weights: a checkpoint of any known format, or the name of a downloaded one')
    .option('--names <source>', 'whose names the checkpoint has, where several would do')
    .option('--dataset <name>', 'a kind of data set; `graft datasets` lists them')
    .option('--data <folder>', 'where the data set is (default: where graft download puts it)')
    .option('--limit <n>', 'use so many images of the split, drawn at random, the same each time', wholeFromOne)
    .option('--head <name>', "one of the network's heads (default: its own)")
    .option('--size <px>', 'height and width of the images (default: as the network was published)', wholeFromOne)
    .option(
      '--width <factor>',
      'multiplies the channels of every layer but the last (default: 1)',
      number('a number above 0', (x) => x > 0),
    )
    .option('--classes <n>', 'outputs of the network (default: as it was published)', wholeNumber(2))
    .option('--preprocessing <name>', 'none, vgg or inception (default: as the network was published)')
    .addOption(mean)
    .addOption(deviation)
    .option('--engine <name>', 'what runs it (default: as the run did; else onnx)')
    .option('--batch-size <n>', 'images in a batch (default: 32)', wholeFromOne)
    .option('--workers <n>', 'threads that decode and prepare images (default: one a core, at most 8)', wholeNumber(0))
    .option('--sheet <file>', 'of masks: where the worst and the best images are drawn (default: in the run)')
    .option(
      '--json',
      'print one JSON document: {split, count, loss, top1, top5, perClass, confusion, published?}; of masks: {split, count, ' +
        'pixelAccuracy, meanAccuracy, meanIou, frequencyWeightedIou, iou, perClass, confusion, sheet}',
    )
    .addHelpText(
      'after',
      `
Without a run, the classes of the data set are those of the published network by their names, of which some may be missing
(for ImageNet: folders n01440764, n01443537, ...), or as many of other names in the same order.

Examples:
  graft evaluate runs/flowers
  graft evaluate runs/flowers --split train --json
  graft evaluate runs/streets --scales 0.75,1,1.25 --flip
  graft evaluate --model vgg_16 --checkpoint vgg_16 --dataset folder --data imagenet/val
  graft evaluate --model vgg_16 --width 0.25 --size 32 --classes 10 --preprocessing none --checkpoint vgg_16_quarter.ckpt \\
    --dataset cifar10`,
    )
    .action(async (folder: string | undefined, options: Options, command: Command) => {
      if (folder !== undefined) checkWithRun(command);
      const { container } = await compose();
      const progress = new Progress();
      try {
        if (folder !== undefined && (await runTarget(folder, container, { files: nodeFileSystem })) === 'masks') {
          const result = await evaluateMaskRun(folder, options, container, progress);
          progress.stop();
          if (options.json) printJson(result);
          else printMaskEvaluation(result);
          return;
        }
        checkWithoutMasks(command);
        const result =
          folder === undefined
            ? await evaluateNetwork(options, container, progress)
            : await evaluateRun(folder, options, container, progress);
        progress.stop();
        if (options.json) printJson(result);
        else printEvaluation(result, options.model);
      } finally {
        progress.stop();
      }
    });
  addViewOptions(command);
}
