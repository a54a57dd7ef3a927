import { BACKBONE, DOWNLOAD, registry, SEGMENTER } from '@graftjs/core';
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
      const published = [...registry(container, DOWNLOAD).values()];
      const models = [...registry(container, BACKBONE).values()].map(
        ({ name, description, defaults, heads, preprocessing }) => ({
          name,
          description,
          defaults,
          heads,
          preprocessing,
          pretrained: published.flatMap(({ name: download, pretrained }) =>
            pretrained?.model === name
              ? [{ download, dataset: pretrained.dataset, accuracy: pretrained.accuracy }]
              : [],
          ),
        }),
      );
      const segmenters = [...registry(container, SEGMENTER).values()].map(
        ({ name, description, backbone, strides }) => ({ name, description, backbone, strides }),
      );
      if (json) return printJson([...models, ...segmenters]);
      if (models.length === 0) return print('No installed plugin brings a network: npm install @graftjs/model-vgg');
      const rows = models.map(({ name, defaults: { classes, size }, heads, pretrained, description }) => [
        name,
        `${size}`,
        `${classes}`,
        heads.join(', '),
        pretrained.map(({ download }) => download).join(', ') || '-',
        description,
      ]);
      print(formatTable(['model', '>size', '>classes', 'heads', 'pretrained', 'description'], rows));
      if (segmenters.length === 0) return;
      const others = segmenters.map(({ name, backbone, strides, description }) => [
        name,
        backbone,
        strides.join(', '),
        description,
      ]);
      print('', formatTable(['segmentation', 'backbone', 'reads strides', 'description'], others));
    });
}
