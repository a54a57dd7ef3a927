import { GraftError, IMAGE_READER, type Image, PluginError, registry, UsageError } from '@graftjs/core';
import { nodeFileSystem } from '@graftjs/core/node';
import { openRun, type Prediction, predict, runTarget, type ViewOptions } from '@graftjs/trainer';
import type { Command } from 'commander';
import { compose } from '../compose.js';
import { describeError } from '../describe-error.js';
import { backendOption, type EngineOptions } from '../device-options.js';
import { openRunOptions } from '../open-run-options.js';
import { wholeNumber } from '../option-values.js';
import { print, printJson } from '../print.js';
import { Progress } from '../progress.js';
import { formatShare } from '../run-progress.js';
import { addViewOptions, viewOptionNames } from '../view-options.js';
import { predictMasks } from './predict-masks.js';

interface Options extends ViewOptions, EngineOptions {
  readonly top?: number;
  readonly out?: string;
  readonly json?: true;
}

const notFor = (option: string, its: string, given: string): UsageError =>
  new UsageError('usage/other-kind', `${option} is for ${its}, and this run gives ${given}. Leave it out.`);

export function addPredict(program: Command): void {
  const command = program
    .command('predict')
    .description('the classes, or the masks, that what a run has trained sees in images')
    .argument('<run>', 'the folder of a run')
    .argument('<files...>', 'images')
    .option('--top <n>', 'how many classes of each image are given (default: 5)', wholeNumber(1))
    .option('--out <folder>', 'of masks: where they are written (default: predictions in the run)')
    .option('--engine <name>', 'what runs the network (default: as the run did)')
    .option('--device <name>', "where the engine runs (default: as the run did, else the engine's first)")
    .addOption(backendOption())
    .option(
      '--json',
      'print one JSON document: [{file, predictions: [{name, index, probability}]}]; of masks: [{file, mask, overlay, ' +
        'classes: [{name, index, share}]}]',
    )
    .addHelpText(
      'after',
      `
Of a network that tells the class of each pixel, each image gets a PNG of palette indices, NAME.png, and what it looks like
over the image, NAME-overlay.png.

Examples:
  graft predict runs/flowers rose.jpg
  graft predict runs/flowers photos/*.jpg --top 1 --json
  graft predict runs/streets photos/*.jpg --flip --out masks`,
    )
    .action(async (folder: string, files: string[], options: Options) => {
      const { json } = options;
      const { container } = await compose();
      const [reader] = registry(container, IMAGE_READER).values();
      if (!reader) {
        throw new PluginError('plugin/missing', 'No installed plugin reads images.', {
          details: { kind: 'image reader', name: '', accepted: [] },
        });
      }
      if ((await runTarget(folder, container, { files: nodeFileSystem })) === 'masks') {
        if (options.top !== undefined) throw notFor('--top', 'classes of images', 'masks');
        const masks = await predictMasks(folder, files, reader, options, container);
        if (json) printJson(masks);
        return;
      }
      const wrong = [...viewOptionNames, 'out'].find((name) => options[name as keyof Options] !== undefined);
      if (wrong !== undefined) throw notFor(`--${wrong}`, 'masks', 'classes of images');
      const { top = 5 } = options;
      const results: object[] = [];
      const waiting: number[] = [];
      /** The images that can be read; one that cannot is told, and the others go on. */
      async function* images(): AsyncGenerator<Image> {
        for (const [index, file] of files.entries()) {
          let image: Image;
          try {
            image = await reader!.read(file);
          } catch (error) {
            if (!GraftError.isInstance(error)) throw error;
            process.stderr.write(`${describeError(error)}\n`);
            process.exitCode = 1;
            results[index] = { file, error: error.message };
            continue;
          }
          waiting.push(index);
          yield image;
        }
      }
      const tell = (index: number, predictions: readonly Prediction[]) => {
        const file = files[index]!;
        results[index] = { file, predictions };
        const classes = predictions.map(({ name, probability }) => `${name} ${formatShare(probability)}`);
        if (!json) print(`${file}: ${classes.join(', ')}`);
      };
      const run = await openRun(folder, container, openRunOptions(options, new Progress()));
      try {
        const { session, classes, preprocessing } = run;
        for await (const predictions of predict(session, images(), classes, { preprocessing, top })) {
          tell(waiting.shift()!, predictions);
        }
      } finally {
        await run.close();
      }
      if (json) printJson(results);
    });
  addViewOptions(command);
}
