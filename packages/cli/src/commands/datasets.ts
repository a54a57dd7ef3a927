import { DATASET, registry } from '@graftjs/core';
import type { Command } from 'commander';
import { compose } from '../compose.js';
import { formatTable, print, printJson } from '../print.js';

export function addDatasets(program: Command): void {
  program
    .command('datasets')
    .description('the kinds of data sets that there are')
    .option('--json', 'print one JSON document')
    .action(async ({ json }: { json?: true }) => {
      const { container } = await compose();
      const datasets = [...registry(container, DATASET).values()].map(({ name, description }) => ({
        name,
        description,
      }));
      if (json) return printJson(datasets);
      if (datasets.length === 0) {
        return print('No installed plugin brings a data set: npm install @graftjs/data-folder');
      }
      const rows = datasets.map(({ name, description }) => [name, description]);
      print(formatTable(['dataset', 'description'], rows));
    });
}
