import { GraftError, PICTURE_READER, type Picture, PluginError, registry } from '@graftjs/core';
import { nodeFileSystem } from '@graftjs/core/node';
import { openRun, type Prediction, predict } from '@graftjs/trainer';
import type { Command } from 'commander';
import { compose } from '../compose.js';
import { describeError } from '../describe-error.js';
import { backendOption, type DeviceOptions, deviceOf } from '../device-options.js';
import { wholeNumber } from '../option-values.js';
import { print, printJson } from '../print.js';
import { Progress } from '../progress.js';
import { formatShare, tellUnreadable } from '../run-progress.js';

export function addPredict(program: Command): void {
  program
    .command('predict')
    .description('the classes that what a run has trained sees in pictures')
    .argument('<run>', 'the folder of a run')
    .argument('<files...>', 'pictures')
    .option('--top <n>', 'how many classes of each picture are given', wholeNumber(1), 5)
    .option('--device <name>', "where the run's engine runs (default: as the run did)")
    .addOption(backendOption())
    .option('--json', 'print one JSON document: [{file, predictions: [{name, index, probability}]}]')
    .addHelpText(
      'after',
      '\nExamples:\n  graft predict runs/flowers rose.jpg\n  graft predict runs/flowers photos/*.jpg --top 1 --json',
    )
    .action(async (folder: string, files: string[], options: DeviceOptions & { top: number; json?: true }) => {
      const { top, json, ...where } = options;
      const { container } = await compose();
      const [reader] = registry(container, PICTURE_READER).values();
      if (!reader) {
        throw new PluginError('plugin/missing', 'No installed plugin reads pictures.', {
          details: { kind: 'picture reader', name: '', accepted: [] },
        });
      }
      const results: object[] = [];
      const waiting: number[] = [];
      /** The pictures that can be read; one that cannot is told, and the others go on. */
      async function* pictures(): AsyncGenerator<Picture> {
        for (const [index, file] of files.entries()) {
          let picture: Picture;
          try {
            picture = await reader!.read(file);
          } catch (error) {
            if (!GraftError.isInstance(error)) throw error;
            process.stderr.write(`${describeError(error)}\n`);
            process.exitCode = 1;
            results[index] = { file, error: error.message };
            continue;
          }
          waiting.push(index);
          yield picture;
        }
      }
      const tell = (index: number, predictions: readonly Prediction[]) => {
        const file = files[index]!;
        results[index] = { file, predictions };
        const classes = predictions.map(({ name, probability }) => `${name} ${formatShare(probability)}`);
        if (!json) print(`${file}: ${classes.join(', ')}`);
      };
      const onUnreadable = tellUnreadable(new Progress());
      const run = await openRun(folder, container, {
        files: nodeFileSystem,
        onUnreadable,
        ...deviceOf(where),
      });
      try {
        const { session, classes, preprocessing } = run;
        for await (const predictions of predict(session, pictures(), classes, { preprocessing, top })) {
          tell(waiting.shift()!, predictions);
        }
      } finally {
        await run.close();
      }
      if (json) printJson(results);
    });
}
