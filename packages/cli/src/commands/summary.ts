import {
  BACKBONE,
  type BackboneOptions,
  estimateTrainingMemory,
  formatShape,
  type GraphSummary,
  pick,
  resolve,
  summarize,
  type TrainingMemory,
} from '@graftjs/core';
import { optimizers } from '@graftjs/trainer';
import type { Command } from 'commander';
import { compose } from '../compose.js';
import { number, wholeNumber } from '../option-values.js';
import { formatCount, formatQuantity, formatTable, print, printJson } from '../print.js';

interface Options extends Pick<BackboneOptions, 'head' | 'classes' | 'size' | 'width'> {
  readonly train?: true;
  readonly batchSize: number;
  readonly optimizer: string;
  readonly json?: true;
}

function printSummary({ layers, parameters, trainableParameters, flops, activationBytes }: GraphSummary): void {
  const rows = layers.map((layer) => [
    layer.name,
    formatShape(layer.shape),
    formatCount(layer.parameters),
    formatQuantity(layer.flops, 'FLOP'),
  ]);
  print(
    formatTable(['layer', 'output', '>parameters', '>per picture'], rows),
    '',
    `Parameters: ${formatCount(parameters)}, of them trainable: ${formatCount(trainableParameters)} ` +
      `(${formatQuantity(4 * parameters, 'B')})`,
    `Operations: ${formatQuantity(flops, 'FLOP')} per picture in use; a multiplication and an addition are two`,
    `Activations: ${formatQuantity(activationBytes, 'B')} per picture`,
  );
}

function printMemory(memory: TrainingMemory, { batchSize, optimizer }: Options): void {
  const { weights, gradients, slots, activations, total } = memory;
  print(
    `Training a batch of ${batchSize} with ${optimizer} takes about ${formatQuantity(total, 'B')}: ` +
      `${formatQuantity(weights, 'B')} of weights, ${formatQuantity(gradients, 'B')} of gradients, ` +
      `${formatQuantity(slots, 'B')} of optimizer slots, ${formatQuantity(activations, 'B')} of activations.`,
    'That is an estimate from the graph, everything trained and every activation kept; an engine that cuts a batch into',
    'pieces takes less.',
  );
}

export function addSummary(program: Command): void {
  program
    .command('summary')
    .description('the layers of a network: output shapes, parameters, operations, and the memory that training takes')
    .argument('<model>', 'a network; `graft models` lists them')
    .option('--head <name>', 'one of the heads that the network can have')
    .option('--classes <n>', 'outputs of the last layer', wholeNumber(1))
    .option('--size <px>', 'height and width of the pictures', wholeNumber(1))
    .option(
      '--width <factor>',
      'multiplies the channels of every layer but the last',
      number('a number above 0', (x) => x > 0),
    )
    .option('--train', 'also estimate the memory that training a batch takes')
    .option('--batch-size <n>', 'pictures in that batch', wholeNumber(1), 32)
    .option('--optimizer <name>', `what keeps slots then: ${Object.keys(optimizers).join(', ')}`, 'adam')
    .option(
      '--json',
      'print one JSON document: {layers, parameters, trainableParameters, flops, activationBytes, training?}',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  graft summary vgg_16\n  graft summary vgg_16 --head pooled --classes 10 --size 64 --train',
    )
    .action(async (name: string, options: Options) => {
      const { head, classes, size, width, train, batchSize, optimizer, json } = options;
      const { container } = await compose();
      const graph = resolve(container, BACKBONE, name).build({
        ...(head !== undefined && { head }),
        ...(classes !== undefined && { classes }),
        ...(size !== undefined && { size }),
        ...(width !== undefined && { width }),
      });
      const summary = summarize(graph);
      const { slots } = pick('optimizer', optimizer, optimizers)();
      const memory = train && estimateTrainingMemory(graph, { batchSize, slots: slots.length });
      if (json) return printJson({ ...summary, ...(memory && { training: memory }) });
      printSummary(summary);
      if (memory) printMemory(memory, options);
    });
}
