import { formatShape } from '@graftjs/core';
import { nodeFileSystem } from '@graftjs/core/node';
import type { Command } from 'commander';
import { compose } from '../compose.js';
import { findCheckpoint } from '../find-checkpoint.js';
import { inspectCheckpoint } from '../inspect-checkpoint.js';
import { formatTable, print, printJson } from '../print.js';

export function addInspect(program: Command): void {
  program
    .command('inspect')
    .description('the variables of a checkpoint of any known format, or of the newest of a run')
    .argument(
      '<checkpoint>',
      'a checkpoint (one of its files, its prefix, or the name of a downloaded one), or the folder of a run',
    )
    .option('--hash', 'read every variable, and give the SHA-256 of its little-endian row-major bytes')
    .option('--json', 'print one JSON document: [{name, dtype, shape, sha256?}]')
    .addHelpText('after', '\nExamples:\n  graft inspect vgg_16.ckpt\n  graft inspect runs/flowers --hash --json')
    .action(async (given: string, { hash, json }: { hash?: true; json?: true }) => {
      const { container } = await compose();
      const path = (await nodeFileSystem.stat(given)) ? given : (await findCheckpoint(given, container)).path;
      const inspection = await inspectCheckpoint(path, container, nodeFileSystem, { hash: hash ?? false });
      const { tensors, format } = inspection;
      if (json) return printJson(tensors);
      const rows = tensors.map(({ name, dtype, shape, sha256 = '-' }) => [
        name,
        dtype,
        formatShape(shape),
        ...(hash ? [sha256] : []),
      ]);
      print(
        formatTable(['variable', 'type', 'shape', ...(hash ? ['sha256'] : [])], rows),
        `\n${inspection.path}: ${tensors.length} variables, ${format}`,
        ...[...(inspection.metadata ?? [])].map(([name, value]) => `${name}: ${JSON.stringify(value)}`),
      );
    });
}
