import { pick, type Split } from '@graftjs/core';
import { nodeFileSystem } from '@graftjs/core/node';
import { type Evaluation, evaluate, openRun } from '@graftjs/trainer';
import { startPictureWorkers } from '@graftjs/trainer/node';
import type { Command } from 'commander';
import { compose } from '../compose.js';
import { formatTable, print, printJson } from '../print.js';
import { Progress } from '../progress.js';
import { formatScores, formatShare, tellUnreadable } from '../run-progress.js';

/** A matrix of more classes is too wide to be read. */
const widestMatrix = 20;

function printEvaluation(split: string, evaluation: Evaluation): void {
  const { perClass, confusion } = evaluation;
  const rows = perClass.map(({ name, count, accuracy }, index) => [
    `${index}`,
    name,
    `${count}`,
    accuracy === null ? '-' : formatShare(accuracy),
  ]);
  print(`${split}: ${formatScores(evaluation)}`, '', formatTable(['>', 'class', '>pictures', '>recognised'], rows), '');
  if (perClass.length > widestMatrix) {
    print(`The confusion matrix of ${perClass.length} classes is in what --json prints.`);
    return;
  }
  const matrix = confusion.map((counts, truth) => [perClass[truth]!.name, ...counts.map(String)]);
  print(formatTable(['class, and what it was taken for', ...confusion.map((_, index) => `>${index}`)], matrix));
}

export function addEvaluate(program: Command): void {
  program
    .command('evaluate')
    .description('how well what a run has trained does on a split of its data set')
    .argument('<run>', 'the folder of a run')
    .option('--split <name>', 'a split of the data set', 'test')
    .option('--device <name>', "where the run's engine runs (default: as the run did)")
    .option('--json', 'print one JSON document: {split, count, loss, top1, top5, perClass, confusion}')
    .addHelpText(
      'after',
      '\nExamples:\n  graft evaluate runs/flowers\n  graft evaluate runs/flowers --split train --json',
    )
    .action(async (folder: string, { split: name, device, json }: { split: string; device?: string; json?: true }) => {
      const { container } = await compose();
      const progress = new Progress();
      const run = await openRun(folder, container, {
        files: nodeFileSystem,
        onUnreadable: tellUnreadable(progress),
        ...(device !== undefined && { device }),
      });
      try {
        const { splits, close } = await run.openDataset();
        try {
          const split = pick<Split>('split of the data set', name, { ...splits });
          const { batchSize } = run.config;
          const workers = run.config.workers === 0 ? undefined : startPictureWorkers(run.config.workers);
          const evaluation = await evaluate(run.session, split, run.classes, {
            preprocessing: run.preprocessing,
            batchSize,
            ...(workers && { workers }),
            onProgress: (done, count) => progress.update('evaluating', done, count),
          }).finally(() => workers?.close());
          progress.stop();
          if (json) printJson({ split: name, ...evaluation });
          else printEvaluation(name, evaluation);
        } finally {
          await close();
        }
      } finally {
        progress.stop();
        await run.close();
      }
    });
}
