import { basename } from 'node:path';
import { type Container, DOWNLOAD, type Download, GraftError, registry, resolve, UsageError } from '@graftjs/core';
import { nodeFileSystem } from '@graftjs/core/node';
import type { Command } from 'commander';
import { dataFolder } from '../cache-folder.js';
import { compose } from '../compose.js';
import { describeError } from '../describe-error.js';
import { showDownload } from '../download-progress.js';
import { number, wholeNumber } from '../option-values.js';
import { formatQuantity, formatTable, print, printJson } from '../print.js';
import { Progress } from '../progress.js';
import { createStopSignal } from '../stop-signal.js';

interface Options {
  readonly out: string;
  readonly from?: string;
  readonly idleTimeout: number;
  readonly retries: number;
  readonly json?: true;
}

/** What can be had, and what is there. */
async function list(container: Container, { out, json }: Options): Promise<void> {
  const { downloadPath } = await import('@graftjs/download');
  const downloads = await Promise.all(
    [...registry(container, DOWNLOAD).values()].map(async (record) => {
      const { name, bytes, description, licence, address, pretrained } = record;
      const path = downloadPath(record, out);
      const present = (await nodeFileSystem.stat(path)) !== undefined;
      return { name, bytes, description, licence, address, path, present, ...(pretrained && { pretrained }) };
    }),
  );
  if (json) return printJson(downloads);
  if (downloads.length === 0) return print('No installed plugin brings a download: npm install @graftjs/data-cifar10');
  const rows = downloads.map(({ name, bytes, present, description, licence }) => {
    return [name, bytes === undefined ? '-' : formatQuantity(bytes, 'B'), present ? 'yes' : 'no', description, licence];
  });
  print(formatTable(['download', '>size', 'there', 'description', 'licence'], rows));
}

/** What a user has to know of a file that nobody vouches for. */
const describeUnpublished = ({ address }: Download, sha256: string): string =>
  `No hash of ${basename(new URL(address).pathname)} is published. What came has the SHA-256 ${sha256}.`;

async function fetchAll(records: readonly Download[], options: Options): Promise<void> {
  // Loaded only where it is needed: it takes a tenth of a second.
  const { download } = await import('@graftjs/download');
  const { out: folder, from, idleTimeout, retries, json } = options;
  const progress = new Progress((count) => formatQuantity(count, 'B'));
  const { signal, release } = createStopSignal(() => progress.line('Stopping; what came is kept.'));
  const results: object[] = [];
  try {
    for (const record of records) {
      const { name } = record;
      try {
        const result = await download(record, {
          folder,
          idleTimeout: 1000 * idleTimeout,
          retries,
          signal,
          onEvent: showDownload(name, progress),
          ...(from !== undefined && { from }),
        });
        progress.stop();
        results.push(result);
        const told = result.status === 'present' ? 'was there already, and every file of it is right' : 'is there';
        if (!json) print(`${name} ${told}: ${result.path}`);
        if (!json && result.unpublished !== undefined) print(describeUnpublished(record, result.unpublished));
      } catch (error) {
        progress.stop();
        if (!GraftError.isInstance(error) || signal.aborted || error.code.startsWith('usage/')) throw error;
        process.stderr.write(`${describeError(error)}\n`);
        process.exitCode = 1;
        results.push({ name, error: error.message, code: error.code });
      }
    }
  } finally {
    progress.stop();
    release();
  }
  if (json) printJson(results);
}

export function addDownload(program: Command): void {
  program
    .command('download')
    .description('fetch data and weights from their official addresses; without a name, list them')
    .argument('[names...]', 'what to fetch')
    .option('--out <folder>', "where to (default: where finetune finds it, in graft's cache)")
    .option('--from <url>', 'a mirror: the address of the file, or with / at its end of the folder that it is in')
    .option(
      '--idle-timeout <seconds>',
      'give a connection up that brings nothing for so long',
      number('a number above 0', (x) => x > 0),
      30,
    )
    .option('--retries <n>', 'try a connection that fails again, so often in a row', wholeNumber(0), 4)
    .option(
      '--json',
      'print one JSON document: [{name, path, status, unpublished?}], status being downloaded or present',
    )
    .addHelpText(
      'after',
      `
A download that broke off, or was stopped, goes on where it was with the same command. What comes is checked by its hash;
where none is published, its SHA-256 is told and noted. A checkpoint is named by its download afterwards: --checkpoint vgg_16.
The default folder is below the one that GRAFT_CACHE names (default: ~/.cache/graft).

Examples:
  graft download
  graft download cifar10 vgg_16
  graft download cifar10 --out data --from https://mirror.example.org/data/`,
    )
    .action(async (names: string[], given: Partial<Options>) => {
      const { container } = await compose();
      const options = { ...given, out: given.out ?? dataFolder() } as Options;
      if (names.length === 0) return list(container, options);
      if (names.length > 1 && options.from !== undefined && !options.from.endsWith('/')) {
        throw new UsageError(
          'usage/address',
          `--from '${options.from}' is the address of one file, and ${names.length} are to be fetched. Accepted for several: ` +
            'the address of a folder, with / at its end.',
        );
      }
      await fetchAll(
        [...new Set(names)].map((name) => resolve(container, DOWNLOAD, name)),
        options,
      );
    });
}
