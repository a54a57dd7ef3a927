import { nodeFileSystem } from '@graftjs/core/node';
import { type ExportResult, exportRun, type RunScores, type RunTarget, runTarget } from '@graftjs/trainer';
import { startImageWorkers } from '@graftjs/trainer/node';
import type { Command } from 'commander';
import { compose } from '../compose.js';
import { backendOption, type EngineOptions } from '../device-options.js';
import { openRunOptions } from '../open-run-options.js';
import { imageSize } from '../option-values.js';
import { formatQuantity, print, printJson } from '../print.js';
import { Progress } from '../progress.js';
import { formatScores } from '../run-progress.js';
import { createStopSignal } from '../stop-signal.js';

interface Options extends EngineOptions {
  readonly out: string;
  readonly precision?: string;
  readonly size?: number | [height: number, width: number];
  readonly licence?: string;
  readonly json?: true;
}

/** How far the file is from the network, of those that tell the one or the other. */
const comparisons: Record<RunTarget, (difference: number) => string> = {
  classes: (difference) => `logarithms of probabilities differ by ${difference.toPrecision(2)} of their scale at most`,
  masks: (difference) =>
    'the classes of pixels are the same' +
    (difference > 0 ? `, but where logits differ by no more than ${difference.toPrecision(2)} of their scale` : ''),
};

function printResult(result: ExportResult<RunScores>, target: RunTarget): void {
  const { files, precision, step, compared, difference, scores, original } = result;
  const sizes = files.map(({ path, bytes }) => `${path} (${formatQuantity(bytes, 'B')})`);
  print(
    `${sizes.join(' and ')}: step ${step} as ${precision}. Compared with the network on ${compared} images: ` +
      `${comparisons[target](difference)}.`,
  );
  if (!scores) return;
  if (original) print(`test, as trained: ${formatScores(original)}`);
  print(`test, as ${precision}: ${formatScores(scores)}`);
}

export function addExport(program: Command): void {
  program
    .command('export')
    .description('one file of what a run has trained, for onnxruntime in any language and for browsers')
    .argument('<run>', 'the folder of a run')
    .requiredOption('--out <file>', 'the file to write, such as model.onnx; it is replaced where it is there')
    .option(
      '--precision <name>',
      'float32 (the default), float16 or int8: smaller, and measured on the test images beside the original',
    )
    .option(
      '--size <px>',
      "of masks: height and width of the images that the file takes, one number or HEIGHTxWIDTH (default: the run's)",
      imageSize,
    )
    .option(
      '--licence <text>',
      'what users of the file may do, in few words (default: that of the published weights that it began from)',
    )
    .option('--engine <name>', 'what runs the network (default: as the run did)')
    .option('--device <name>', "where the engine runs (default: as the run did, else the engine's first)")
    .addOption(backendOption())
    .option(
      '--json',
      'print one JSON document: {files: [{path, bytes}], precision, step, compared, difference, scores?, original?}',
    )
    .addHelpText(
      'after',
      `
The file takes any number of images as bytes, [N, height, width, 3], and gives the probability of each class, or where the
network tells it the class of each pixel, [N, height, width]. Labels, preprocessing, scores and licence are in its metadata.
Before it is put in place it is run on images of the data set, and compared with the network.

Examples:
  graft export runs/flowers --out flowers.onnx
  graft export runs/flowers --out flowers-int8.onnx --precision int8 --licence "CC BY 4.0"
  graft export runs/streets --out streets.onnx --size 360x480`,
    )
    .action(async (folder: string, options: Options) => {
      const { json, engine, device, backend, ...given } = options;
      const { container } = await compose();
      const progress = new Progress();
      const { signal, release } = createStopSignal(() => {
        progress.line('Stopping; nothing will be written. Ctrl-C again stops at once.');
      });
      const workers = startImageWorkers();
      try {
        const target = await runTarget(folder, container, { files: nodeFileSystem });
        const result = await exportRun<RunScores>(folder, container, {
          ...given,
          ...openRunOptions(options, progress),
          workers,
          signal,
          onProgress: (stage, done, count) => progress.update(stage, done, count),
        });
        progress.stop();
        if (json) printJson(result);
        else printResult(result, target);
      } finally {
        progress.stop();
        release();
        await workers.close();
      }
    });
}
