import {
  BACKBONE,
  CHECKPOINT_FORMAT,
  type Container,
  createContainer,
  DATASET,
  DOWNLOAD,
  ENGINE,
  EXPORTER,
  IMAGE_READER,
  registry,
  SEGMENTER,
  type Token,
} from '@graftjs/core';
import type { Command } from 'commander';
import { compose } from '../compose.js';
import { formatTable, print, printJson } from '../print.js';

function namesOf<T extends { readonly name: string }>(container: Container, kind: Token<T>): string[] {
  return [...registry(container, kind).keys()];
}

export function addPlugins(program: Command): void {
  program
    .command('plugins')
    .description('what is installed, where it was found, and what it brings')
    .option('--json', 'print one JSON document')
    .action(async ({ json }: { json?: true }) => {
      const { plugins } = await compose();
      const found = plugins.map(({ plugin, version, from }) => {
        const container = createContainer([plugin]);
        return {
          name: plugin.name,
          version,
          from,
          brings: {
            backbones: namesOf(container, BACKBONE),
            segmenters: namesOf(container, SEGMENTER),
            datasets: namesOf(container, DATASET),
            checkpointFormats: namesOf(container, CHECKPOINT_FORMAT),
            engines: namesOf(container, ENGINE),
            imageReaders: namesOf(container, IMAGE_READER),
            downloads: namesOf(container, DOWNLOAD),
            exporters: namesOf(container, EXPORTER),
          },
        };
      });
      if (json) return printJson(found);
      if (found.length === 0) {
        return print(`No plugins among the dependencies of the package.json that ${process.cwd()} belongs to.`);
      }
      const rows = found.map(({ name, version = '-', from, brings }) => {
        return [name, version, [...new Set(Object.values(brings).flat())].join(', '), from];
      });
      print(formatTable(['plugin', 'version', 'brings', 'from'], rows));
    });
}
