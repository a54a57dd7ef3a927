import { nodeFileSystem } from '@graftjs/core/node';
import type { Command } from 'commander';
import { compose } from '../compose.js';
import { convertCheckpoint } from '../convert-checkpoint.js';
import { print, printJson } from '../print.js';

export function addConvert(program: Command): void {
  program
    .command('convert')
    .description('write a checkpoint again in another format')
    .argument('<from>', 'a checkpoint of any known format')
    .argument('<to>', 'the path or prefix to write')
    .option('--format <name>', 'the format to write', 'slim-v2')
    .option('--json', 'print one JSON document: {from, to, tensors}')
    .addHelpText('after', '\nExample:\n  graft convert vgg_16.ckpt converted/vgg_16 --format slim-v2')
    .action(async (from: string, to: string, { format, json }: { format: string; json?: true }) => {
      const { container } = await compose();
      const done = await convertCheckpoint(from, to, container, nodeFileSystem, { format });
      if (json) return printJson(done);
      print(
        `${from} (${done.from}) is now ${to} (${done.to}): ${done.tensors.length} variables, ` +
          'none of them renamed, permuted or dropped.',
      );
    });
}
