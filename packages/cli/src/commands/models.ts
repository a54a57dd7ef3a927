import { BACKBONE, registry } from '@graftjs/core';
import type { Command } from 'commander';
import { compose } from '../compose.js';
import { formatTable, print, printJson } from '../print.js';

export function addModels(program: Command): void {
  program
    .command('models')
    .description('the networks that there are')
    .option('--json', 'print one JSON document')
    .action(async ({ json }: { json?: true }) => {
      const { container } = await compose();
      const models = [...registry(container, BACKBONE).values()].map(
        ({ name, description, defaults, heads, preprocessing }) => ({
          name,
          description,
          defaults,
          heads,
          preprocessing,
        }),
      );
      if (json) return printJson(models);
      if (models.length === 0) return print('No installed plugin brings a network: npm install @graftjs/model-vgg');
      const rows = models.map(({ name, defaults: { classes, size }, heads, description }) => [
        name,
        `${size}`,
        `${classes}`,
        heads.join(', '),
        description,
      ]);
      print(formatTable(['model', '>size', '>classes', 'heads', 'description'], rows));
    });
}
