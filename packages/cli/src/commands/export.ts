import { nodeFileSystem } from '@graftjs/core/node';
import { type ExportResult, exportRun } from '@graftjs/trainer';
import { startPictureWorkers } from '@graftjs/trainer/node';
import type { Command } from 'commander';
import { compose } from '../compose.js';
import { backendOption, type DeviceOptions, deviceOf } from '../device-options.js';
import { formatQuantity, print, printJson } from '../print.js';
import { Progress } from '../progress.js';
import { formatScores, tellUnreadable } from '../run-progress.js';
import { createStopSignal } from '../stop-signal.js';

interface Options extends DeviceOptions {
  readonly out: string;
  readonly precision?: string;
  readonly licence?: string;
  readonly json?: true;
}

function printResult({ files, precision, step, compared, difference, scores, original }: ExportResult): void {
  const sizes = files.map(({ path, bytes }) => `${path} (${formatQuantity(bytes, 'B')})`);
  print(
    `${sizes.join(' and ')}: step ${step} as ${precision}. Compared with the network on ${compared} pictures: logarithms of ` +
      `probabilities differ by ${difference.toPrecision(2)} of their scale at most.`,
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
      'float32 (the default), float16 or int8: smaller, and measured on the test pictures beside the original',
    )
    .option('--licence <text>', 'what users of the file may do, in few words: goes into its metadata')
    .option('--device <name>', "where the run's engine runs (default: as the run did)")
    .addOption(backendOption())
    .option(
      '--json',
      'print one JSON document: {files: [{path, bytes}], precision, step, compared, difference, scores?, original?}',
    )
    .addHelpText(
      'after',
      `
The file takes any number of pictures as bytes, [N, height, width, 3], and gives the probability of each class. Labels,
preprocessing, scores and licence are in its metadata. Before it is put in place it is run on pictures of the data set, and
compared with the network.

Examples:
  graft export runs/flowers --out flowers.onnx
  graft export runs/flowers --out flowers-int8.onnx --precision int8 --licence "CC BY 4.0"`,
    )
    .action(async (folder: string, options: Options) => {
      const { json, device, backend, ...given } = options;
      const { container } = await compose();
      const progress = new Progress();
      const { signal, release } = createStopSignal(() => {
        progress.line('Stopping; nothing will be written. Ctrl-C again stops at once.');
      });
      const workers = startPictureWorkers();
      try {
        const result = await exportRun(folder, container, {
          ...given,
          ...deviceOf(options),
          files: nodeFileSystem,
          workers,
          signal,
          onUnreadable: tellUnreadable(progress),
          onProgress: (stage, done, count) => progress.update(stage, done, count),
        });
        progress.stop();
        if (json) printJson(result);
        else printResult(result);
      } finally {
        progress.stop();
        release();
        await workers.close();
      }
    });
}
